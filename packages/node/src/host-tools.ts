import { existsSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { shellQuote } from './shell-quote.ts';
import { ashOf } from './toolboxes.ts';

export interface HostTools {
  /** Directories to look programs up in, joined with `:`. */
  readonly path: string;
  /** Directories of the host, besides the system's own, that the tools live in; sandboxes show them read-only. */
  readonly directories: readonly string[];
  /** The interpreter of a Python version such as `3.11`. */
  python(version: string): Promise<string | undefined>;
  /** Writes the `tagboat` launcher (and a `python` where the host has only `python3`) into a directory. */
  writeLaunchers(directory: string): Promise<void>;
}

/** @param tagboat the command line that starts the CLI */
export function hostTools(options: {
  readonly tagboat: readonly string[];
  readonly directories: readonly string[];
  readonly python: (version: string) => Promise<string | undefined>;
  /** Directories to look programs up in before those of PATH. */
  readonly before?: readonly string[];
}): HostTools {
  const path = [...(options.before ?? []), process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin'].join(
    delimiter,
  );
  return {
    path,
    directories: options.directories,
    python: options.python,
    async writeLaunchers(directory) {
      await executable(join(directory, 'tagboat'), `exec ${options.tagboat.map(shellQuote).join(' ')} "$@"`);
      const ash = ashOf(path);
      if (ash)
        await executable(
          join(directory, 'ash'),
          `exec ${shellQuote(ash.program)} ${ash.applet ? 'ash' : '--posix'} "$@"`,
        );
      if (!path.split(delimiter).some((entry) => existsSync(join(entry, 'python'))))
        await executable(join(directory, 'python'), 'exec python3 "$@"');
    },
  };
}

async function executable(path: string, line: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${line}\n`);
  await chmod(path, 0o755);
}

const passedOn =
  /^(LANG|LC_\w+|TZ|(https?|no|all|ftp)_proxy|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIT_SSL_CAINFO|PIP_(?!CONFIG_FILE)\w+|UV_(INDEX|DEFAULT_INDEX|EXTRA_INDEX|NATIVE_TLS|OFFLINE)\w*)$/i;

/** What containers get of this process's environment: language, proxies, certificates and package indexes. */
export function hostEnvironment(): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && passedOn.test(name)) environment[name] = value;
  const pip = process.env.PIP_CONFIG_FILE ?? pipConfigFiles().find((path) => existsSync(path));
  if (pip) environment.PIP_CONFIG_FILE = pip;
  return environment;
}

const pipConfigFiles = () => [
  join(homedir(), '.config/pip/pip.conf'),
  join(homedir(), '.pip/pip.conf'),
  '/etc/pip.conf',
];
