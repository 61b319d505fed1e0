import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Client } from '@tagboat/client';
import { git } from '@tagboat/git-client';
import { modelFileName, nextTag, readModelFile, tagPrefixOf } from '@tagboat/render';
import { defineCommand } from 'citty';
import { outputOption, say, tell } from '../output.ts';
import { selfCommand } from '../paths.ts';
import { proposeModelFile } from '../propose.ts';
import { connect, ensureRepository, hostedRepository, nameFrom, repositoryRoot } from '../session.ts';

export default defineCommand({
  meta: {
    name: 'init',
    description: 'Proposes tagboat.yaml for this repository, and adds the remote to push to',
  },
  args: {
    project: { type: 'string', alias: 'p', description: 'the project (a namespace); default: the directory' },
    remote: { type: 'string', default: 'tagboat', description: 'name of the git remote' },
    print: { type: 'boolean', description: 'only print the proposal' },
    ...outputOption,
  },
  async run({ args }) {
    const root = await repositoryRoot();
    const file = join(root, modelFileName);
    const given = existsSync(file) && !args.print ? await readFile(file, 'utf8') : undefined;
    const proposal = given === undefined ? await proposeModelFile(root) : undefined;
    if (args.print) return tell(args.output, proposal, proposal!.text.trimEnd());
    const models = readModelFile(proposal?.text ?? given!, modelFileName);
    if (proposal) await writeFile(file, proposal.text);
    if (proposal && args.output !== 'json') {
      say(`wrote ${modelFileName}; look it over:\n\n${proposal.text}`);
    }
    const notes = [...(proposal?.notes ?? []), ...(await uncommitted(root))];
    if (args.output !== 'json') for (const note of notes) say(`note: ${note}`);
    const client = await connect();
    const name = nameFrom(basename(root));
    const project = nameFrom(args.project ?? name);
    const url = await addRemote(client, { root, remote: args.remote, project, name });
    const facts = {
      file,
      wrote: proposal !== undefined,
      notes,
      project,
      name,
      remote: args.remote,
      url,
    };
    const next = nextCommands({ ...(await stateOf(root)), prefixes: models.map(tagPrefixOf) }, args.remote);
    const lines = next.map((command) => `  ${command}`);
    tell(args.output, { ...facts, next }, [`remote "${args.remote}" is ${url}\n\nnext:`, ...lines]);
    return undefined;
  },
});

interface RepositoryState {
  /** Absent in a checkout of a tag or commit. */
  readonly branch: string | undefined;
  readonly hasCommits: boolean;
  /** Whether tagboat.yaml is committed as it is. */
  readonly isCommitted: boolean;
  readonly tags: readonly string[];
  /** What the tags of its models begin with. */
  readonly prefixes: readonly string[];
}

async function stateOf(root: string): Promise<Omit<RepositoryState, 'prefixes'>> {
  const words = (args: readonly string[]) =>
    git(args, { cwd: root }).then(
      ({ stdout }) => stdout.toString('utf8').trim(),
      () => undefined,
    );
  return {
    branch: await words(['symbolic-ref', '--short', 'HEAD']),
    hasCommits: (await words(['rev-parse', '--verify', '--quiet', 'HEAD'])) !== undefined,
    isCommitted: (await words(['status', '--porcelain', '--', modelFileName])) === '',
    tags: ((await words(['tag'])) ?? '').split('\n'),
  };
}

/** What makes a first, or next, release of what is in a repository. */
export function nextCommands(state: RepositoryState, remote: string): string[] {
  const { branch, hasCommits, isCommitted, tags, prefixes } = state;
  const releases = prefixes.map((prefix, index) => {
    const tag = nextTag(tags, prefix);
    const refs = [...(branch === undefined || index > 0 ? [] : [branch]), tag].join(' ');
    return `git tag ${tag} && git push ${remote} ${refs}`;
  });
  // The first commit is to hold what the model is made of too.
  const files = hasCommits ? modelFileName : '--all';
  return [
    ...(isCommitted ? [] : [`git add ${files} && git commit -m "Tagboat"`]),
    ...releases,
    'tagboat runs',
  ];
}

/** What a tag would not have. */
async function uncommitted(root: string): Promise<string[]> {
  const { stdout } = await git(['status', '--porcelain', '-z', '--no-renames'], { cwd: root });
  const paths = stdout
    .toString('utf8')
    .split('\0')
    .map((line) => line.slice(3))
    .filter((path) => path !== '' && path !== modelFileName);
  if (paths.length === 0) return [];
  const some = paths.slice(0, 5).join(', ');
  return [
    `not committed yet: ${some}${paths.length > 5 ? ` and ${paths.length - 5} more` : ''}; a tag runs what is committed, "tagboat try" the files as they are`,
  ];
}

async function addRemote(
  client: Client,
  { root, remote, project, name }: { root: string; remote: string; project: string; name: string },
): Promise<string> {
  await ensureRepository(client, project, hostedRepository(project, name));
  const url = `${client.url}/git/${project}/${name}.git`;
  const known = await git(['remote', 'get-url', remote], { cwd: root }).catch(() => undefined);
  await git(['remote', known ? 'set-url' : 'add', remote, url], { cwd: root });
  const helper = `!${[...selfCommand, 'git-credential'].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')}`;
  await git(['config', '--replace-all', `credential.${client.url}.helper`, helper], { cwd: root });
  return url;
}
