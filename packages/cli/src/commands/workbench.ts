import { spawn } from 'node:child_process';
import { findCondition, kinds, type Notebook, notebookAnnotations } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import { type Client, until } from '@tagboat/client';
import { git } from '@tagboat/git-client';
import { defineCommand } from 'citty';
import { ago, outputOption, projectOption, say, show, tell } from '../output.ts';
import { connect, currentRepository } from '../session.ts';
import { pairsOf, valuesOf } from '../words.ts';
import {
  act,
  createWorkbench,
  deleteWorkbench,
  findWorkbench,
  followDeletion,
  followStart,
  openUrl,
  phaseOf,
  workbenchKey,
} from '../workbenches.ts';

const nameArgument = {
  name: { type: 'positional', required: false, description: 'NAME or PROJECT/NAME' },
} as const;

const create = defineCommand({
  meta: { name: 'create', description: 'Makes a workbench and starts it' },
  args: {
    ...nameArgument,
    ...projectOption,
    profile: { type: 'string', description: 'see: tagboat workbench profiles' },
    option: { type: 'string', description: 'a choice of the profile, such as size=large; repeatable' },
    repository: { type: 'string', description: 'cloned into it; default: the one of this directory' },
    env: { type: 'string', alias: 'e', description: 'NAME=value; repeatable' },
    secret: { type: 'string', description: 'a Secret whose keys become variables; repeatable' },
    storage: { type: 'string', description: 'such as 10Gi' },
    'idle-timeout': { type: 'string', description: 'stopped when not used for so long; never: not at all' },
    from: { type: 'string', description: 'a snapshot of a deleted workbench' },
    ...outputOption,
  },
  async run({ args, rawArgs }) {
    const client = await connect();
    const here = await currentRepository(client);
    const namespace = args.project ?? args.name?.split('/').slice(0, -1)[0] ?? here?.project;
    if (!namespace) throw invalid('which project?', { hint: 'say it with -p' });
    const notebook = await createWorkbench(client, {
      namespace,
      name: args.name?.split('/').at(-1) ?? here?.name ?? 'workbench',
      ...(args.profile ? { profile: args.profile } : {}),
      options: pairsOf(valuesOf(rawArgs, '--option'), 'an option'),
      ...repositoryOf(args.repository, here?.project === namespace ? here.name : undefined),
      environment: pairsOf(valuesOf(rawArgs, '--env', '-e'), 'a variable'),
      secrets: valuesOf(rawArgs, '--secret'),
      ...(args.storage ? { storage: args.storage } : {}),
      ...(args['idle-timeout'] ? { idleTimeout: args['idle-timeout'] } : {}),
      ...(args.from ? { from: args.from } : {}),
      ...(await gitUser()),
    });
    await started(client, notebook, args.output);
  },
});

const repositoryOf = (asked: string | undefined, here: string | undefined) => {
  const repository = asked ?? here;
  return repository ? { repository } : {};
};

/** Who commits here also commits in the workbench. */
async function gitUser(): Promise<{ user?: { name: string; email: string } }> {
  const read = (key: string) =>
    git(['config', '--get', key], {}).then(
      ({ stdout }) => stdout.toString('utf8').trim(),
      () => '',
    );
  const [name, email] = [await read('user.name'), await read('user.email')];
  return name && email ? { user: { name, email } } : {};
}

async function started(client: Client, notebook: Notebook, output: string | undefined): Promise<void> {
  const { namespace, name } = notebook.metadata;
  await followStart(client, notebook, (message) => output !== 'json' && say(`  ${message}`));
  tell(
    output,
    { project: namespace, name, state: 'Running' },
    `${namespace}/${name} runs; open it with: tagboat workbench open ${namespace}/${name}`,
  );
}

const start = defineCommand({
  meta: { name: 'start', description: 'Starts a stopped workbench; its files are as they were' },
  args: { ...nameArgument, ...projectOption, ...outputOption },
  async run({ args }) {
    const client = await connect();
    const notebook = await findWorkbench(client, args.name, args.project);
    await act(client, notebook, 'start');
    await started(client, notebook, args.output);
  },
});

const stop = defineCommand({
  meta: { name: 'stop', description: 'Stops a workbench; its files stay' },
  args: { ...nameArgument, ...projectOption, ...outputOption },
  async run({ args }) {
    const client = await connect();
    const notebook = await findWorkbench(client, args.name, args.project);
    await act(client, notebook, 'stop');
    const { namespace = '', name } = workbenchKey(notebook);
    await until<Notebook>(
      client,
      { type: kinds.Notebook, namespace, what: `${namespace}/${name} stopped` },
      (found) => found.metadata.name === name && phaseOf(found) === 'Stopped',
    );
    tell(args.output, { project: namespace, name, state: 'Stopped' }, `${namespace}/${name} is stopped`);
  },
});

const open = defineCommand({
  meta: { name: 'open', description: 'Opens a workbench in the browser, starting it where it is stopped' },
  args: {
    ...nameArgument,
    ...projectOption,
    url: { type: 'boolean', description: 'print the URL, good once and for a minute, and open nothing' },
    ...outputOption,
  },
  async run({ args }) {
    const client = await connect();
    const notebook = await findWorkbench(client, args.name, args.project);
    if (notebook.metadata.annotations?.[notebookAnnotations.stopped] !== undefined) {
      await act(client, notebook, 'start');
      await followStart(client, notebook, (message) => process.stderr.write(`  ${message}\n`));
    }
    const url = await openUrl(client, notebook);
    if (args.url || args.output === 'json' || !openBrowser(url)) tell(args.output, { url }, url);
  },
});

/** @returns false where there is no display to open it on */
function openBrowser(url: string): boolean {
  const command = process.platform === 'darwin' ? 'open' : 'xdg-open';
  if (process.platform !== 'darwin' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return false;
  const child = spawn(command, [url], { detached: true, stdio: 'ignore' });
  child.on('error', () => say(url));
  child.unref();
  return true;
}

const list = defineCommand({
  meta: { name: 'list', description: 'Lists workbenches' },
  args: { ...projectOption, ...outputOption },
  async run({ args }) {
    const client = await connect();
    const { items } = await client.list<Notebook>(
      kinds.Notebook,
      args.project ? { namespace: args.project } : {},
    );
    const rows = items.map((notebook) => {
      const { metadata, status } = notebook;
      const annotations = metadata.annotations ?? {};
      const idle = findCondition(status?.conditions, 'Idle');
      const ready = findCondition(status?.conditions, 'Ready');
      return {
        workbench: `${metadata.namespace}/${metadata.name}`,
        state: phaseOf(notebook),
        profile: annotations[notebookAnnotations.profile] ?? '',
        repository: annotations[notebookAnnotations.repository] ?? '',
        used: args.output === 'json' ? status?.lastActivity : ago(status?.lastActivity),
        disk: status?.diskUse === undefined ? '' : bytes(status.diskUse),
        message: idle?.status === 'True' ? idle.message : (ready?.message ?? ''),
      };
    });
    show(rows, {
      output: args.output,
      columns: ['workbench', 'state', 'profile', 'repository', 'used', 'disk', 'message'],
      empty: 'there are no workbenches; make one with: tagboat workbench create',
    });
  },
});

const bytes = (count: number) =>
  count < 2 ** 20 ? `${Math.ceil(count / 1024)} KiB` : `${(count / 2 ** 20).toFixed(1)} MiB`;

const remove = defineCommand({
  meta: { name: 'delete', description: 'Deletes a workbench and its files, after a snapshot of them' },
  args: {
    ...nameArgument,
    ...projectOption,
    'without-snapshot': { type: 'boolean', description: 'the files are gone for good' },
    ...outputOption,
  },
  async run({ args }) {
    if (!args.name) throw invalid('which workbench?', { hint: 'say its name' });
    const client = await connect();
    const notebook = await findWorkbench(client, args.name, args.project);
    const discard = args['without-snapshot'] ?? false;
    const { snapshot } = await deleteWorkbench(client, notebook, discard);
    const key = workbenchKey(notebook);
    const quiet = args.output === 'json';
    await followDeletion(client, notebook, (message) => !quiet && say(`  ${message}`));
    tell(
      args.output,
      { project: key.namespace, name: key.name, state: 'Deleted', ...(discard ? {} : { snapshot }) },
      `${key.namespace}/${key.name} is deleted${discard ? '' : `; its files are in ${snapshot}`}`,
    );
  },
});

const profiles = defineCommand({
  meta: { name: 'profiles', description: 'Lists what a workbench can be made of' },
  args: { ...projectOption, ...outputOption },
  async run({ args }) {
    const client = await connect();
    const namespace = args.project ?? (await currentRepository(client))?.project ?? '';
    const answer = await client.request('GET', `/tagboat/workbenches/profiles?namespace=${namespace}`);
    const { profileList } = (await answer.json()) as { profileList: ProfileRow[] };
    const rows = profileList.map((profile) => ({
      profile: `${profile.slug}${profile.default ? ' (default)' : ''}`,
      description: profile.description ?? profile.display_name,
      options: Object.entries(profile.profile_options ?? {})
        .map(([name, { choices }]) => `${name}=${Object.keys(choices).join('|')}`)
        .join(' '),
    }));
    show(rows, { output: args.output, columns: ['profile', 'description', 'options'] });
  },
});

interface ProfileRow {
  slug: string;
  default?: boolean;
  display_name: string;
  description?: string;
  profile_options?: Record<string, { choices: Record<string, unknown> }>;
}

export default defineCommand({
  meta: {
    name: 'workbench',
    description: 'JupyterLab with a project in it: create, start, open, stop, delete',
  },
  subCommands: { create, start, stop, open, list, delete: remove, profiles },
});
