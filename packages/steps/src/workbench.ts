import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, TagboatError } from '@tagboat/base';
import { type Environment, ensureEnvironment } from '@tagboat/python';
import type { StepContext } from './context.ts';
import { type KernelEnvironment, kernelEnvironments } from './workbench-environments.ts';
import { prepareGit, prepareRepository } from './workbench-git.ts';
import { writeKernels } from './workbench-kernels.ts';
import { restoreFiles } from './workbench-snapshot.ts';

/** What the server itself needs; kernels have environments of their own. */
const serverRequirements = ['jupyterlab>=4.4,<5', 'jupyterlab-git>=0.51', 'jupyterlab-widgets>=3', 'pip'];

/**
 * Variables of the platform that a user's terminal and kernels have no use for; and git's, which would outdo what the
 * user sets in `~/.gitconfig`: they stand in a file below that.
 */
const hidden =
  /^(GIT_(AUTHOR|COMMITTER)_(NAME|EMAIL)|TAGBOAT_(WORKBENCH|RESTORE|REPOSITORY|POD|REGISTRY)\w*|NOTEBOOK_ARGS|JUPYTER_TOKEN|NODE_COMPILE_CACHE)$/;

/**
 * Starts the JupyterLab of a workbench: files and repository in place, the server's and the kernels' environments made,
 * git set up. Then this process becomes the server.
 */
export async function workbench(context: StepContext): Promise<void> {
  const home = context.get('HOME');
  await checkWritable(home);
  await restoreFiles(context, home);
  const own = join(scratch, 'tagboat-workbench');
  await mkdir(own, { recursive: true });
  const variables = await prepareGit(context, own);
  const repository = await prepareRepository(context, { home, variables });
  const server = await environmentOf(context, serverRequirements, 'JupyterLab');
  const kernels = await kernelsOf(context, repository);
  const first = await writeKernels({ kernels, home, own, server });
  await writeSettings(context, own);
  await writeExtension(own);
  context.say('JupyterLab starts');
  become(context, { server, first, own, home, variables, repository });
}

/** @throws `Unavailable` where nothing can be written to the workbench's files, and why */
export async function checkWritable(home: string): Promise<void> {
  const probe = join(home, `.tagboat-${process.pid}`);
  try {
    await mkdir(home, { recursive: true });
    await writeFile(probe, 'x'.repeat(4096));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = { EROFS: 'they are read-only', ENOSPC: 'the disk is full', EDQUOT: 'the quota is used up' };
    throw new TagboatError(
      `the workbench's files cannot be written: ${why[code as keyof typeof why] ?? describeError(cause)}`,
      { reason: 'Unavailable', cause, hint: 'make room or let it be written to, then start it again' },
    );
  } finally {
    await rm(probe, { force: true }).catch(() => undefined);
  }
}

const scratch = process.env.TMPDIR ?? '/tmp';
const labExtension = join(import.meta.dirname, '..', 'labextension');

/**
 * What JupyterLab itself is given: buttons that run and check a notebook, the warning before an idle stop, and what a
 * running cell said while its page was closed.
 */
async function writeExtension(own: string): Promise<void> {
  await cp(labExtension, join(own, 'jupyter/labextensions/tagboat-workbench'), { recursive: true });
  const module = join(own, 'jupyter/labextensions/tagboat-workbench/server');
  const config = join(own, 'config');
  await mkdir(join(config, 'jupyter_server_config.d'), { recursive: true });
  const lines = [
    `import sys`,
    `sys.path.append(${JSON.stringify(module)})`,
    `c.ServerApp.kernel_manager_class = 'tagboat_outputs.KernelManager'`,
    `c.ServerApp.kernel_websocket_connection_class = 'tagboat_outputs.Connection'`,
  ];
  await writeFile(join(config, 'jupyter_server_config.py'), `${lines.join('\n')}\n`);
  const enabled = { ServerApp: { jpserver_extensions: { tagboat_outputs: true } } };
  await writeFile(join(config, 'jupyter_server_config.d/tagboat.json'), JSON.stringify(enabled));
}

/** An environment of these requirements, resolved once and then remembered. */
async function environmentOf(
  context: StepContext,
  lines: readonly string[],
  what: string,
): Promise<Environment> {
  const directory = join(scratch, `requirements-${what.replaceAll(/\W+/g, '-').toLowerCase()}`);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'requirements.txt'), `${lines.join('\n')}\n`);
  context.say(`prepares ${what}`);
  const made = await ensureEnvironment({
    requirements: { directory, file: 'requirements.txt' },
    environmentsDirectory: context.environments,
    cacheDirectory: context.cache,
    env: context.environment,
    ...(context.signal ? { signal: context.signal } : {}),
    onProgress: ({ message, packagesDone, packagesTotal }) =>
      context.say(
        `${what}: ${message}${packagesDone === undefined ? '' : ` (${packagesDone}/${packagesTotal})`}`,
      ),
  });
  return made;
}

/** What the workbench's kernels run in. A project whose requirements cannot be met still gets a kernel, and the reason. */
async function kernelsOf(context: StepContext, repository: string | undefined): Promise<KernelEnvironment[]> {
  const make = (lines: readonly string[], what: string) => environmentOf(context, lines, what);
  try {
    return await kernelEnvironments(context, { repository, make });
  } catch (error) {
    if (!(error instanceof TagboatError) || error.reason === 'Cancelled') throw error;
    context.say(`the environment cannot be made, so the kernel is a minimal one: ${describeError(error)}`);
    return [
      {
        name: 'python3',
        label: 'minimal',
        environment: await make(['ipykernel'], 'a minimal kernel'),
        variables: {},
      },
    ];
  }
}

interface Server {
  readonly server: Environment;
  readonly first: string;
  readonly own: string;
  readonly home: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly repository: string | undefined;
}

/** This process becomes the Jupyter server, so that nothing of the preparation stays in memory. */
function become(context: StepContext, { server, first, own, home, variables, repository }: Server): void {
  const python = server.python;
  const options: Record<string, string> = {
    'ServerApp.ip': context.optional('HOST') ?? '127.0.0.1',
    'ServerApp.port': context.optional('PORT') ?? '8888',
    'ServerApp.port_retries': '0',
    'ServerApp.base_url': context.get('NB_PREFIX'),
    'ServerApp.root_dir': home,
    'ServerApp.open_browser': 'False',
    'ServerApp.allow_root': 'True',
    'ServerApp.allow_remote_access': 'True',
    'ServerApp.quit_button': 'False',
    'ServerApp.terminado_settings': "{'shell_command': ['/bin/bash']}",
    'LabApp.extension_manager': 'readonly',
    'LabApp.default_url': repository ? `/lab/tree/${repository}` : '/lab',
    'KernelSpecManager.ensure_native_kernel': 'False',
    'MappingKernelManager.default_kernel_name': 'python3',
    'MappingKernelManager.cull_idle_timeout': '0',
  };
  const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const kept = Object.entries(context.environment).filter(
    ([name, value]) => value !== undefined && !hidden.test(name),
  ) as [string, string][];
  const environment: Record<string, string> = {
    ...Object.fromEntries(kept),
    ...variables,
    HOME: home,
    SHELL: '/bin/bash',
    PATH: [first, join(server.directory, 'bin'), context.environment.PATH ?? '/usr/bin:/bin'].join(':'),
    VIRTUAL_ENV: join(first, '..'),
    JUPYTER_PATH: join(own, 'jupyter'),
    JUPYTER_CONFIG_PATH: join(own, 'config'),
    JUPYTER_TOKEN_FILE: tokenFile(own),
    JUPYTER_RUNTIME_DIR: join(own, 'runtime'),
    PYTHONDONTWRITEBYTECODE: '1',
  };
  process.chdir(home);
  process.execve!(python, [python, '-m', 'jupyterlab', ...args], environment);
}

const tokenFile = (own: string) => join(own, 'runtime', 'token');

/** Nothing asks for news or updates: what is installed is what was made here. */
async function writeSettings(context: StepContext, own: string): Promise<void> {
  const directory = join(own, 'config', 'labconfig');
  await mkdir(directory, { recursive: true });
  const disabled = { '@jupyterlab/apputils-extension:announcements': true };
  await writeFile(join(directory, 'page_config.json'), JSON.stringify({ disabledExtensions: disabled }));
  await mkdir(join(own, 'runtime'), { recursive: true, mode: 0o700 });
  // From a file: what `env` prints in a terminal or a cell may end up in a notebook.
  await writeFile(tokenFile(own), context.get('JUPYTER_TOKEN'), { mode: 0o600 });
}
