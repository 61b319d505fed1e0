/** Values that must not appear in a log, longest first, so that no part of a longer one remains. */
export class SecretMask {
  readonly #values: readonly string[];

  constructor(values: Iterable<string>) {
    const lines = [...values].flatMap((value) => [value, ...value.split('\n')]).map((value) => value.trim());
    this.#values = [...new Set(lines)]
      .filter((value) => value.length >= 4)
      .sort((a, b) => b.length - a.length);
  }

  apply(text: string): string {
    let masked = text;
    for (const value of this.#values) masked = masked.replaceAll(value, '***');
    return masked;
  }
}
