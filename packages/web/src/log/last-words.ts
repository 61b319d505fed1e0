import Anser from 'anser';

/** What a log says at its end: from its last line that begins with `error:`, else its last line. Without colours. */
export function lastWords(log: string): string {
  const lines = Anser.ansiToText(log).trimEnd().split('\n');
  const error = lines.findLastIndex((line) => line.startsWith('error:'));
  return (error >= 0 ? lines.slice(error).join('\n').slice('error:'.length) : (lines.at(-1) ?? '')).trim();
}
