import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describeError } from '@tagboat/base';
import { git } from '@tagboat/git-client';
import type { StepContext } from './context.ts';

/**
 * Git settings of a workbench, below the user's own `~/.gitconfig`: who commits, and where credentials come from. The
 * helper asks the platform each time, so nothing secret lies in a file or a URL.
 * @returns the variables by which git finds them
 */
export async function prepareGit(context: StepContext, own: string): Promise<Record<string, string>> {
  const name = context.optional('GIT_AUTHOR_NAME') ?? 'Tagboat workbench';
  const email = context.optional('GIT_AUTHOR_EMAIL') ?? 'workbench@localhost';
  const file = join(own, 'gitconfig');
  const ignored = join(own, 'gitignore');
  await writeFile(ignored, '.ipynb_checkpoints/\n__pycache__/\n*.executed.ipynb\n');
  const settings = `[user]
	name = ${quoted(name)}
	email = ${quoted(email)}
[credential]
	helper = "!tagboat git-credential"
[core]
	excludesFile = ${quoted(ignored)}
[push]
	autoSetupRemote = true
[init]
	defaultBranch = main
[pull]
	rebase = false
[safe]
	directory = *
[advice]
	detachedHead = false
`;
  await writeFile(file, settings);
  return { GIT_CONFIG_SYSTEM: file, GIT_TERMINAL_PROMPT: '0' };
}

const quoted = (text: string) =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', ' ')}"`;

/**
 * Clones the workbench's repository where it is not there yet, and keeps its remote true when the platform's address
 * has changed. What cannot be cloned is said; the workbench starts all the same.
 * @returns the clone's directory below the home directory
 */
export async function prepareRepository(
  context: StepContext,
  { home, variables }: { home: string; variables: Readonly<Record<string, string>> },
): Promise<string | undefined> {
  const url = context.optional('TAGBOAT_REPOSITORY_URL');
  if (!url) return undefined;
  const name = basename(new URL(url).pathname).replace(/\.git$/, '');
  const directory = join(home, name);
  const environment = { GIT_CONFIG_SYSTEM: variables.GIT_CONFIG_SYSTEM! };
  if (existsSync(join(directory, '.git'))) {
    await followAddress(context, { directory, url });
    return name;
  }
  context.say(`clones ${name}`);
  try {
    await git(['clone', '--quiet', '--', url, directory], {
      environment,
      ...(await context.credentialsFor(url)),
      ...(context.signal ? { signal: context.signal } : {}),
    });
  } catch (error) {
    context.say(`the repository could not be cloned: ${describeError(error)}`);
    return undefined;
  }
  return name;
}

/** The platform may have another port than when the clone was made; other remotes are the user's affair. */
async function followAddress(
  context: StepContext,
  { directory, url }: { directory: string; url: string },
): Promise<void> {
  const path = new URL(url).pathname;
  if (!context.isPlatform(new URL(url).host)) return;
  const remotes = await git(['remote', '-v'], { cwd: directory });
  for (const line of remotes.stdout.toString('utf8').split('\n')) {
    const [remote = '', current = ''] = line.split(/\s+/);
    const parsed = URL.parse(current);
    const loopback = parsed && ['127.0.0.1', 'localhost'].includes(parsed.hostname);
    if (loopback && parsed.pathname === path && current !== url)
      await git(['remote', 'set-url', remote, url], { cwd: directory });
  }
}
