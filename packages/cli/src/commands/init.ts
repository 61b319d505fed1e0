import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Client } from '@tagboat/client';
import { git } from '@tagboat/git-client';
import { modelFileName, readModelFile } from '@tagboat/render';
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
    readModelFile(proposal?.text ?? given!, modelFileName);
    if (proposal) await writeFile(file, proposal.text);
    if (proposal && args.output !== 'json') {
      say(`wrote ${modelFileName}; look it over:\n\n${proposal.text}`);
      for (const note of [...proposal.notes, ...(await uncommitted(root))]) say(`note: ${note}`);
    }
    const client = await connect();
    const name = nameFrom(basename(root));
    const project = nameFrom(args.project ?? name);
    const { url, branch } = await addRemote(client, { root, remote: args.remote, project, name });
    const facts = {
      file,
      wrote: proposal !== undefined,
      notes: proposal?.notes ?? [],
      project,
      name,
      remote: args.remote,
      url,
    };
    const committed = (await git(['status', '--porcelain', '--', modelFileName], { cwd: root })).stdout;
    tell(args.output, facts, [
      `remote "${args.remote}" is ${url}\n\nnext:`,
      ...(committed.length > 0 ? [`  git add ${modelFileName} && git commit -m "Tagboat"`] : []),
      `  git tag v0.1.0 && git push ${args.remote} ${branch} v0.1.0`,
      '  tagboat runs',
    ]);
    return undefined;
  },
});

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
): Promise<{ url: string; branch: string }> {
  await ensureRepository(client, project, hostedRepository(project, name));
  const url = `${client.url}/git/${project}/${name}.git`;
  const known = await git(['remote', 'get-url', remote], { cwd: root }).catch(() => undefined);
  await git(['remote', known ? 'set-url' : 'add', remote, url], { cwd: root });
  const helper = `!${[...selfCommand, 'git-credential'].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')}`;
  await git(['config', '--replace-all', `credential.${client.url}.helper`, helper], { cwd: root });
  // Without a branch, as in a checkout of a tag, the usual one is named.
  const branch = await git(['symbolic-ref', '--short', 'HEAD'], { cwd: root }).then(
    ({ stdout }) => stdout.toString('utf8').trim(),
    () => 'main',
  );
  return { url, branch };
}
