/** Characters: what is shorter stands in ordinary words. */
const shortest = 4;

/** As it is, and as programs print it: in base64 with and without a line's end, in URLs, in JSON. */
function formsOf(value: string): string[] {
  const text = value.trim();
  if (text.length < shortest) return [];
  const base64 = [value, text, `${text}\n`].flatMap((form) => {
    const encoded = Buffer.from(form).toString('base64').replace(/=+$/, '');
    return [encoded, encoded.replaceAll('+', '-').replaceAll('/', '_')];
  });
  return [text, ...base64, encodeURIComponent(text), JSON.stringify(text).slice(1, -1)];
}

/** Values that must not appear in a log, longest first, so that no part of a longer one remains. */
export class SecretMask {
  readonly #values: readonly string[];

  constructor(values: Iterable<string>) {
    const forms = [...values].flatMap((value) => [value, ...value.split('\n')].flatMap(formsOf));
    this.#values = [...new Set(forms)]
      .filter((value) => value.length >= shortest)
      .sort((a, b) => b.length - a.length);
  }

  apply(text: string): string {
    let masked = text;
    for (const value of this.#values) masked = masked.replaceAll(value, '***');
    return masked;
  }
}
