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
  /** The last collection of what nothing uses; absent where there was none yet. */
  readonly collection?: CollectionReport;
}

/** What a collection of what nothing uses found and removed. */
export interface CollectionReport {
  /** RFC 3339. */
  readonly at: string;
  /** Of the registry: manifests are images, models and other artifacts; blobs their parts. */
  readonly registry?: {
    readonly stored: { readonly blobs: number; readonly bytes: number };
    readonly removed: { readonly manifests: number; readonly blobs: number; readonly bytes: number };
  };
  /** Of runs that are over. */
  readonly workspaces?: CollectedDirectories;
  readonly environments?: CollectedDirectories;
  /** Unpacked images, and layers kept for the next ones. */
  readonly images?: CollectedDirectories;
  /** Why some of it was left alone. */
  readonly problems: readonly string[];
  /** Bytes that this and all earlier collections removed. */
  readonly removedBytesInAll: number;
}

export interface CollectedDirectories {
  readonly kept: number;
  readonly removed: number;
  readonly bytes: number;
}
