/** An error that takes more lines than this is told by its last one. */
const mostLines = 20;

/** What a step said of its failure: from its last `error: ` on, since an error may take several lines; else its last line. */
export function lastWords(tail: readonly string[]): string {
  const said = tail.slice(0, tail.findLastIndex((line) => line.trim() !== '') + 1);
  const start = said.findLastIndex((line) => line.startsWith('error: '));
  if (start >= 0 && said.length - start <= mostLines) return said.slice(start).join('\n');
  return said.at(-1) ?? '';
}
