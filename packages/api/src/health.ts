/** One thing that was looked at on this machine. */
export interface Finding {
  readonly what: string;
  readonly state: 'ok' | 'missing' | 'note';
  readonly found: string;
}

/** What is on this machine and in the state directory, and what is outside. */
export interface Health {
  readonly ports: readonly {
    readonly name: string;
    readonly where: 'embedded' | 'external';
    readonly url: string;
  }[];
  /** Bytes per directory of the state directory, largest first. */
  readonly storage: readonly { readonly name: string; readonly bytes: number }[];
  readonly freeBytes: number;
  readonly findings: readonly Finding[];
  /** RFC 3339. */
  readonly startedAt: string;
  readonly memoryBytes: number;
}
