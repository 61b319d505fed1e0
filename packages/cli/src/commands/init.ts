import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { invalid } from '@tagboat/base';
import type { Client } from '@tagboat/client';
import { git } from '@tagboat/git-client';
import { modelFileName, readModelFile } from '@tagboat/render';
import { defineCommand } from 'citty';
import { say } from '../output.ts';
import { selfCommand } from '../paths.ts';
import { proposeModelFile } from '../propose.ts';
import { connect, ensureRepository, hostedRepository, nameFrom } from '../session.ts';

export default defineCommand({
  meta: {
    name: 'init',
    description: 'Proposes tagboat.yaml for this repository, and adds the remote to push to',
  },
  args: {
    project: { type: 'string', alias: 'p', description: 'the project (a namespace); default: the directory' },
    remote: { type: 'string', default: 'tagboat', description: 'name of the git remote' },
    print: { type: 'boolean', description: 'only print the proposal' },
  },
  async run({ args }) {
    const directory = resolve('.');
    const top = await git(['rev-parse', '--show-toplevel'], { cwd: directory }).catch(() => {
      throw invalid('expected a git repository here', { hint: 'git init, and commit your files' });
    });
    const root = top.stdout.toString('utf8').trim();
    const file = join(root, modelFileName);
    if (args.print) return say((await proposeModelFile(root)).text.trimEnd());
    if (existsSync(file)) readModelFile(await readFile(file, 'utf8'), modelFileName);
    else {
      const proposal = await proposeModelFile(root);
      readModelFile(proposal.text, modelFileName);
      await writeFile(file, proposal.text);
      say(`wrote ${modelFileName}; look it over:\n\n${proposal.text}`);
      for (const note of proposal.notes) say(`note: ${note}`);
    }
    const client = await connect();
    const name = nameFrom(basename(root));
    await addRemote(client, { root, remote: args.remote, project: nameFrom(args.project ?? name), name });
    return undefined;
  },
});

async function addRemote(
  client: Client,
  { root, remote, project, name }: { root: string; remote: string; project: string; name: string },
): Promise<void> {
  await ensureRepository(client, project, hostedRepository(project, name));
  const url = `${client.url}/git/${project}/${name}.git`;
  const known = await git(['remote', 'get-url', remote], { cwd: root }).catch(() => undefined);
  await git(['remote', known ? 'set-url' : 'add', remote, url], { cwd: root });
  const helper = `!${[...selfCommand, 'git-credential'].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')}`;
  await git(['config', '--replace-all', `credential.${client.url}.helper`, helper], { cwd: root });
  const branch = (await git(['symbolic-ref', '--short', 'HEAD'], { cwd: root })).stdout
    .toString('utf8')
    .trim();
  say(
    `remote "${remote}" is ${url}\n\nnext:\n  git add ${modelFileName} && git commit -m "Tagboat"\n  git tag v0.1.0 && git push ${remote} ${branch} v0.1.0\n  tagboat runs`,
  );
}
