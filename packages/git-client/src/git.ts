import { TagboatError } from '@tagboat/base';
import { type CommandOptions, type CommandResult, runCommand } from '@tagboat/process';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface GitOptions {
  readonly cwd?: string;
  readonly credentials?: Credentials;
  readonly signal?: AbortSignal;
  readonly stdin?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeout?: number;
  readonly onOutput?: CommandOptions['onOutput'];
}

const networkTimeout = 300_000;

const mostOutput = 256 * 2 ** 20;

/**
 * Runs git so that it never asks, never runs hooks of a repository it reads, and never sees credentials on its command
 * line. Without credentials the user's own helpers and ssh agent apply.
 * @throws `TagboatError` in words for people when git fails
 */
export async function git(args: readonly string[], options: GitOptions = {}): Promise<CommandResult> {
  const run = (env: NodeJS.ProcessEnv) =>
    runCommand('git', args, {
      cwd: options.cwd,
      env,
      stdin: options.stdin,
      signal: options.signal,
      timeout: options.timeout ?? networkTimeout,
      maxOutput: mostOutput,
      onOutput: options.onOutput,
    });
  let result = await run(gitEnvironment(options));
  const { credentials } = options;
  const url = args.find((arg) => /^https?:\/\//i.test(arg));
  if (credentials && url && result.code !== 0 && /returned error: 30[12378]/.test(result.stderr))
    result = await run(followingEnvironment(options, { credentials, url }));
  if (result.code !== 0) throw explain(args, result.stderr);
  if (result.cut && !options.onOutput)
    throw new TagboatError(`git ${args[0]} wrote more than ${mostOutput / 2 ** 20} MiB`, {
      reason: 'OutputTooLarge',
    });
  return result;
}

/**
 * Where a server sends git elsewhere: credentials are then for the host of the URL alone, as git itself hands them out
 * (gitcredentials(7)). It takes one request more, so that it is not done where nobody is sent anywhere.
 */
function followingEnvironment(
  { environment }: GitOptions,
  { credentials, url }: { credentials: Credentials; url: string },
): NodeJS.ProcessEnv {
  const { host, protocol } = new URL(url);
  // A server may ask for TLS, and never to do without.
  const origins = [...(protocol === 'http:' ? [`http://${host}`] : []), `https://${host}`];
  const helper =
    '!f() { [ "$1" = get ] && printf "username=%s\\npassword=%s\\n" "$TAGBOAT_GIT_USERNAME" "$TAGBOAT_GIT_PASSWORD"; }; f';
  return gitEnvironment({
    environment: {
      TAGBOAT_GIT_USERNAME: credentials.username,
      TAGBOAT_GIT_PASSWORD: credentials.password,
      ...environment,
    },
    settings: [
      ['credential.helper', ''],
      ...origins.map((origin) => [`credential.${origin}.helper`, helper] as const),
    ],
  });
}

/** The environment of every git that Tagboat starts. */
export function gitEnvironment(
  options: Pick<GitOptions, 'credentials' | 'environment'> & {
    readonly settings?: readonly (readonly [string, string])[];
  } = {},
): NodeJS.ProcessEnv {
  const settings: (readonly [string, string])[] = [
    ['core.hooksPath', '/dev/null'],
    ['safe.directory', '*'],
    ['advice.detachedHead', 'false'],
    ['gc.auto', '0'],
    ['protocol.ext.allow', 'never'],
    ['init.defaultBranch', 'main'],
    // Git LFS' content is fetched and put in place by us, whether or not the host has git-lfs.
    ['filter.lfs.smudge', ''],
    ['filter.lfs.clean', ''],
    ['filter.lfs.process', ''],
    ['filter.lfs.required', 'false'],
  ];
  if (options.credentials) {
    const { username, password } = options.credentials;
    const token = Buffer.from(`${username}:${password}`).toString('base64');
    settings.push(
      ['http.extraHeader', `Authorization: Basic ${token}`],
      ['credential.helper', ''],
      // git sends its headers to whatever server it is sent to.
      ['http.followRedirects', 'false'],
    );
  }
  settings.push(...(options.settings ?? []));
  const config: Record<string, string> = { GIT_CONFIG_COUNT: String(settings.length) };
  for (const [index, [key, value]] of settings.entries()) {
    config[`GIT_CONFIG_KEY_${index}`] = key;
    config[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return {
    ...process.env,
    ...config,
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    LC_ALL: 'C.UTF-8',
    GIT_AUTHOR_NAME: 'Tagboat',
    GIT_AUTHOR_EMAIL: 'tagboat@localhost',
    GIT_COMMITTER_NAME: 'Tagboat',
    GIT_COMMITTER_EMAIL: 'tagboat@localhost',
    ...options.environment,
  };
}

const explanations: readonly [RegExp, string, string, string | undefined][] = [
  [
    /No space left on device|Disk quota exceeded/i,
    'DiskFull',
    'the disk is full',
    'free some space where the repository is kept',
  ],
  [
    /Authentication failed|could not read Username|returned error: 40[13]|HTTP 40[13]|Permission denied/i,
    'Unauthorized',
    'the git server refused the credentials',
    'check the credentials of this repository',
  ],
  [
    /Could not resolve host: ([^\s;]+)/i,
    'Unavailable',
    'the host of the git URL cannot be found',
    'check the URL and the network',
  ],
  [
    /Connection refused|Failed to connect|Connection timed out|unable to access/i,
    'Unavailable',
    'the git server cannot be reached',
    'check that it runs and the URL',
  ],
  [
    /not found|does not appear to be a git repository|does not exist/i,
    'NotFound',
    'there is no git repository there',
    'check the URL',
  ],
  [
    /non-fast-forward|fetch first|failed to update ref|cannot lock ref|stale info|incorrect old value/i,
    'Conflict',
    'somebody else pushed in between',
    undefined,
  ],
];

function explain(args: readonly string[], stderr: string): TagboatError {
  const tail = stderr
    .trim()
    .split('\n')
    .slice(-4)
    .join('\n')
    .replace(/\/\/[^/@\s]+@/g, '//***@');
  for (const [pattern, reason, message, hint] of explanations)
    if (pattern.test(stderr)) return new TagboatError(`${message}: ${tail}`, { reason, hint });
  return new TagboatError(`git ${args.find((arg) => !arg.startsWith('-')) ?? ''} failed: ${tail}`, {
    reason: 'GitFailed',
  });
}

/** True where `git clone --branch` found no such branch. */
export const isBranchMissing = (error: unknown): boolean =>
  error instanceof TagboatError && /Remote branch .* not found in upstream/.test(error.message);

/** Refuses what git would take for an option or a command. @throws `Invalid` */
export function checkUrl(url: string): string {
  if (url.startsWith('-') || /^ext::|\0|\n/.test(url))
    throw new TagboatError(`"${url}" is not a git URL`, {
      reason: 'Invalid',
      retryable: false,
      hint: 'use https://, ssh://, git@host:path or a path',
    });
  return url;
}
