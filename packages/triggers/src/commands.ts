/** What a comment asks for. */
export type Command =
  | { readonly kind: 'test'; readonly name: string | undefined }
  /** Without a name: those that failed, or all where none ran. */
  | { readonly kind: 'retest'; readonly name: string | undefined }
  | { readonly kind: 'cancel'; readonly name: string | undefined }
  /** `commit`: the beginning of the only commit that may run. */
  | { readonly kind: 'ok-to-test'; readonly commit: string | undefined };

/** What Pipelines-as-Code calls the event of a comment. */
export function eventTypeOfCommand(command: Command | undefined): string {
  if (!command) return 'on-comment';
  if (command.kind === 'ok-to-test') return 'ok-to-test-comment';
  return `${command.kind}${command.name === undefined ? '-all' : ''}-comment`;
}

/** The command in a comment, on a line of its own, as Pipelines-as-Code reads them; undefined where there is none. */
export function commandOf(comment: string): Command | undefined {
  for (const kind of ['retest', 'test', 'ok-to-test', 'cancel'] as const) {
    const match = new RegExp(`^[ \\t]*/${kind}(?:[ \\t]+(\\S+))?[^\\S\\n]*.*$`, 'm').exec(comment);
    if (!match) continue;
    const [line, word] = match;
    // "/test it please" is a sentence; "/testing" is another word.
    if (!new RegExp(`^[ \\t]*/${kind}([ \\t]|\\r?$)`).test(line)) continue;
    if (kind === 'ok-to-test') {
      if (word !== undefined && !/^[0-9a-fA-F]{7,64}$/.test(word)) continue;
      return { kind, commit: word?.toLowerCase() };
    }
    return { kind, name: word?.includes('=') ? undefined : word };
  }
  return undefined;
}
