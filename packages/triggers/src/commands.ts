/** What a comment asks for. */
export type Command =
  /** `retest` without a name: those that failed, or all where none ran. */
  | ({ readonly kind: 'test' | 'retest' | 'cancel'; readonly name: string | undefined } & CommandTarget)
  /** `commit`: the beginning of the only commit that may run. */
  | { readonly kind: 'ok-to-test'; readonly commit: string | undefined };

/** `branch:NAME` or `tag:NAME` behind a command, of what is said of a commit. */
export interface CommandTarget {
  readonly branch?: string;
  readonly tag?: string;
  /** A word with a colon that is neither. */
  readonly unknown?: string;
}

/** What Pipelines-as-Code calls the event of a comment. */
export function eventTypeOfCommand(command: Command | undefined): string {
  if (!command) return 'on-comment';
  if (command.kind === 'ok-to-test') return 'ok-to-test-comment';
  return `${command.kind}${command.name === undefined ? '-all' : ''}-comment`;
}

/** The command in a comment, on a line of its own, as Pipelines-as-Code reads them; undefined where there is none. */
export function commandOf(comment: string): Command | undefined {
  for (const kind of ['retest', 'test', 'ok-to-test', 'cancel'] as const) {
    const match = new RegExp(`^[ \\t]*/${kind}(?:[ \\t]+(\\S.*))?[^\\S\\n]*$`, 'm').exec(comment);
    if (!match) continue;
    const words = (match[1] ?? '')
      .replace(/\w+="(?:[^"\\]|\\.)*"/g, '')
      .trim()
      .split(/\s+/)
      .filter(Boolean);
    if (kind !== 'ok-to-test') return { kind, ...wordsOf(words) };
    const [commit] = words;
    // "/ok-to-test it please" is a sentence.
    if (commit !== undefined && !/^[0-9a-fA-F]{7,64}$/.test(commit)) continue;
    return { kind, commit: commit?.toLowerCase() };
  }
  return undefined;
}

/** The name of a run, what it is about, and `key=value`, which is read elsewhere. */
function wordsOf(words: readonly string[]): { name: string | undefined } & CommandTarget {
  const [first] = words;
  const isName = first !== undefined && !/[=:]/.test(first);
  const name = isName ? first : undefined;
  for (const [index, word] of words.entries()) {
    if (word.includes('=')) continue;
    const [, kind, value] = /^(\w+):(.*)$/.exec(word) ?? [];
    if (kind === undefined) continue;
    if (kind !== 'branch' && kind !== 'tag') return { name, unknown: word };
    const wanted = value || words[index + 1];
    return wanted ? { name, [kind]: wanted } : { name, unknown: word };
  }
  return { name };
}
