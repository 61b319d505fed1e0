import type { Readable, Writable } from 'node:stream';
import { describeError, invalid } from '@tagboat/base';

/**
 * git's `proc-receive` hook (githooks(5)) as a pipe: what git says goes to descriptor 3, whose other end this process
 * holds; answers come back on 4 and lines for the person who pushes on 5.
 */
export const procReceiveHook = '#!/bin/sh\ncat <&5 >&2 &\ncat <&4 &\ncat >&3\nexec 3>&-\nwait\n';

/** What the `post-receive` hook tells the person, from the environment of git. */
export const pushNoteVariable = 'TAGBOAT_PUSH_NOTE';

/** git's `post-receive` hook: says where to look, when a branch or tag was moved, and not only deleted. */
export const postReceiveHook = `#!/bin/sh
told=
while read -r before after ref; do
  case $ref in refs/heads/*|refs/tags/*) ;; *) continue ;; esac
  case $after in *[!0]*) told=yes ;; esac
done
[ -z "$told" ] || [ -z "$${pushNoteVariable}" ] || printf '\\n%s\\n\\n' "$${pushNoteVariable}" >&2
`;

/** One command of a push to a ref that is not simply moved. */
export interface ProposedRef {
  readonly ref: string;
  readonly before: string;
  readonly commit: string;
}

export interface Proposal {
  readonly refs: readonly ProposedRef[];
  /** Push options (`git push -o`). */
  readonly options: readonly string[];
}

export type ProposalOutcome =
  | {
      readonly ref: string;
      readonly accepted: true;
      /** What was moved instead, as the pusher's git shows it. */
      readonly moved: string;
      readonly before: string | undefined;
      readonly commit: string;
      /** Lines for the person. */
      readonly message: string;
    }
  | { readonly ref: string; readonly accepted: false; readonly message: string };

export interface ProcReceivePipes {
  readonly fromHook: Readable;
  readonly toHook: Writable;
  readonly toPerson: Writable;
}

/** Speaks the hook's side of the protocol; ends when the hook ends, also when it was never started. */
export async function answerProposals(
  pipes: ProcReceivePipes,
  handle: (proposal: Proposal) => Promise<readonly ProposalOutcome[]>,
): Promise<void> {
  const lines = packetLines(pipes.fromHook);
  try {
    const version = await section(lines);
    if (!version) return;
    const offered = version[0]?.split('\0')[1]?.split(' ') ?? [];
    const withOptions = offered.includes('push-options');
    pipes.toHook.write(packet(withOptions ? 'version=1\0push-options' : 'version=1'));
    pipes.toHook.write('0000');
    const commands = (await section(lines)) ?? [];
    const options = withOptions ? ((await section(lines)) ?? []) : [];
    const refs = commands.map((line): ProposedRef => {
      const [before, commit, ref] = line.split(' ');
      return { before: before!, commit: commit!, ref: ref! };
    });
    const outcomes = await handle({ refs, options }).catch((error: unknown) =>
      refs.map(({ ref }) => ({ ref, accepted: false as const, message: describeError(error) })),
    );
    for (const outcome of outcomes) report(pipes, outcome);
    pipes.toHook.write('0000');
  } finally {
    pipes.toHook.end();
    pipes.toPerson.end();
  }
}

function report(pipes: ProcReceivePipes, outcome: ProposalOutcome): void {
  if (!outcome.accepted) {
    pipes.toHook.write(packet(`ng ${outcome.ref} ${outcome.message.replaceAll('\n', ' ')}`));
    return;
  }
  pipes.toPerson.write(`\n${outcome.message}\n\n`);
  pipes.toHook.write(packet(`ok ${outcome.ref}`));
  pipes.toHook.write(packet(`option refname ${outcome.moved}`));
  if (outcome.before) pipes.toHook.write(packet(`option old-oid ${outcome.before}`));
  pipes.toHook.write(packet(`option new-oid ${outcome.commit}`));
}

function packet(text: string): string {
  return `${(Buffer.byteLength(text) + 4).toString(16).padStart(4, '0')}${text}`;
}

/** The lines up to the next flush packet; undefined when there are no more. */
async function section(lines: AsyncIterator<string | null>): Promise<string[] | undefined> {
  const found: string[] = [];
  for (;;) {
    const { value, done } = await lines.next();
    if (done) return found.length > 0 ? found : undefined;
    if (value === null) return found;
    found.push(value);
  }
}

/** Splits git's packet lines (gitprotocol-common(5)); null is a flush packet. */
async function* packetLines(stream: Readable): AsyncGenerator<string | null> {
  let buffer = Buffer.alloc(0);
  for await (const piece of stream) {
    buffer = Buffer.concat([buffer, piece as Buffer]);
    while (buffer.length >= 4) {
      const length = Number.parseInt(buffer.subarray(0, 4).toString('latin1'), 16);
      if (Number.isNaN(length)) throw invalid('git said something that is no packet line');
      if (length > 0 && buffer.length < length) break;
      const text = buffer.subarray(4, Math.max(length, 4)).toString('utf8').replace(/\n$/, '');
      buffer = buffer.subarray(Math.max(length, 4));
      yield length === 0 ? null : text;
    }
  }
}
