import { invalid } from '@tagboat/base';

/** Every value of an option that may stand several times; the parser keeps the last alone. */
export function valuesOf(rawArgs: readonly string[], ...names: string[]): string[] {
  return rawArgs.flatMap((word, index) => {
    const [option, ...rest] = word.split('=');
    if (names.includes(word)) return [rawArgs[index + 1] ?? ''];
    return names.includes(option!) && option!.startsWith('--') ? [rest.join('=')] : [];
  });
}

/** `NAME=value` words. @throws `Invalid` */
export function pairsOf(words: readonly string[], what: string): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      if (at < 1) throw invalid(`expected ${what} as NAME=value, found "${word}"`);
      return [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}
