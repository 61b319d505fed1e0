import { chmod, chown, cp, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kinds, type Pod, type Secret } from '@tagboat/api';
import type { Reader } from '@tagboat/store';
import { decodedSecret } from './decoded-secret.ts';

interface Login {
  readonly url: string;
  readonly secret: string;
  readonly data: Readonly<Record<string, string>>;
}

/** Secrets of one pod, by what they are for (Tekton docs, auth.md). */
export interface Credentials {
  readonly basic: readonly Login[];
  readonly ssh: readonly Login[];
  readonly docker: readonly Login[];
  /** Whole docker configurations, merged with the rest. */
  readonly configs: readonly object[];
  /** Texts that must not appear in logs. */
  readonly secrets: readonly string[];
}

export async function readCredentials(
  reader: Reader,
  pod: Pod,
  names: readonly string[],
): Promise<Credentials> {
  const found = {
    basic: [] as Login[],
    ssh: [] as Login[],
    docker: [] as Login[],
    configs: [] as object[],
    secrets: [] as string[],
  };
  for (const name of names) {
    const secret = await reader.get<Secret>({
      type: kinds.Secret,
      namespace: pod.metadata.namespace ?? '',
      name,
    });
    if (!secret) continue;
    const data = decodedSecret(secret);
    found.secrets.push(...Object.values(data));
    const urls = (kind: string) =>
      Object.entries(secret.metadata.annotations ?? {})
        .filter(([key]) => key.startsWith(`tekton.dev/${kind}-`))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, url]) => ({ url, secret: name, data }));
    if (secret.type === 'kubernetes.io/ssh-auth') found.ssh.push(...urls('git'));
    else if (secret.type === 'kubernetes.io/basic-auth') {
      found.basic.push(...urls('git'));
      found.docker.push(...urls('docker'));
    } else if (secret.type === 'kubernetes.io/dockerconfigjson')
      addConfig(found.configs, data['.dockerconfigjson']);
    else if (secret.type === 'kubernetes.io/dockercfg') addConfig(found.configs, data['.dockercfg'], true);
  }
  return found;
}

function addConfig(configs: object[], text: string | undefined, old = false): void {
  try {
    const config = JSON.parse(text ?? '{}') as object;
    configs.push(old ? { auths: config } : config);
  } catch {
    // What is not JSON is no configuration; the registry will refuse, and say so.
  }
}

/** Writes the files that git, ssh and docker read into one step's `/tekton/creds`. */
export async function writeCredentials(credentials: Credentials, directory: string): Promise<void> {
  let gitConfig = await writeBasic(credentials.basic, directory);
  if (credentials.ssh.length > 0) gitConfig += await writeSsh(credentials.ssh, directory);
  if (gitConfig !== '') await writeFile(join(directory, '.gitconfig'), gitConfig, { mode: 0o600 });
  if (credentials.docker.length + credentials.configs.length > 0) {
    await mkdir(join(directory, '.docker'), { recursive: true });
    await writeFile(join(directory, '.docker', 'config.json'), dockerConfig(credentials), { mode: 0o600 });
  }
}

const hasPath = (url: string) => URL.canParse(url) && new URL(url).pathname.length > 1;

async function writeBasic(logins: readonly Login[], directory: string): Promise<string> {
  if (logins.length === 0) return '';
  let config = '[credential]\n\thelper = store\n';
  for (const { url, data } of logins) {
    const username = (data.username ?? '').replaceAll('\\', '\\\\');
    config += `[credential "${url}"]\n\tusername = ${username}\n${hasPath(url) ? '\tuseHttpPath = true\n' : ''}`;
  }
  // git takes the first that fits: whole hosts come after repositories only where they would hide them.
  const lines = [...logins]
    .sort((a, b) => Number(hasPath(a.url)) - Number(hasPath(b.url)))
    .map(({ url, data }) => {
      const login = new URL(url);
      login.username = encodeURIComponent(data.username ?? '');
      login.password = encodeURIComponent(data.password ?? '');
      return login.toString().replace(/\/$/, url.endsWith('/') ? '/' : '');
    });
  await writeFile(join(directory, '.git-credentials'), `${lines.join('\n')}\n`, { mode: 0o600 });
  return config;
}

async function writeSsh(logins: readonly Login[], directory: string): Promise<string> {
  const ssh = join(directory, '.ssh');
  await mkdir(ssh, { recursive: true, mode: 0o700 });
  const byUrl = new Map<string, Login[]>();
  for (const login of logins) byUrl.set(login.url, [...(byUrl.get(login.url) ?? []), login]);
  const order = [...byUrl.keys()].sort((a, b) => Number(a.includes('/')) - Number(b.includes('/')));
  let config = '';
  let gitConfig = '';
  const knownHosts: string[] = [];
  for (const url of order) {
    const [address = '', ...rest] = url.split('/');
    const [host = '', port = '22'] = address.split(':');
    const path = rest.join('/');
    const alias = path ? `${host}--${path.replaceAll('/', '--')}` : host;
    if (path) gitConfig += insteadOf({ alias, host, port, path });
    config += `Host ${alias}\n    HostName ${host}\n    Port ${port}\n`;
    for (const { secret, data } of byUrl.get(url)!) {
      await writeFile(join(ssh, `id_${secret}`), data['ssh-privatekey'] ?? '', { mode: 0o600 });
      config += `    IdentityFile %d/.ssh/id_${secret}\n`;
      if (data.known_hosts) knownHosts.push(data.known_hosts);
    }
  }
  await writeFile(join(ssh, 'config'), config, { mode: 0o600 });
  if (knownHosts.length > 0)
    await writeFile(join(ssh, 'known_hosts'), knownHosts.join('\n'), { mode: 0o600 });
  return gitConfig;
}

/** Makes git use the key of one repository of a host for that repository alone. */
function insteadOf({ alias, host, port, path }: Record<'alias' | 'host' | 'port' | 'path', string>): string {
  const address = port === '22' ? host : `${host}:${port}`;
  return (
    `[url "git@${alias}:${path}.git"]\n\tinsteadOf = git@${host}:${path}.git\n` +
    `[url "ssh://${alias}/${path}.git"]\n\tinsteadOf = ssh://${address}/${path}.git\n`
  );
}

function dockerConfig({ docker, configs }: Credentials): string {
  const merged: { auths: Record<string, unknown>; [field: string]: unknown } = { auths: {} };
  for (const config of configs as { auths?: object }[]) {
    Object.assign(merged, config, { auths: { ...merged.auths, ...config.auths } });
  }
  for (const { url, data } of docker) {
    const { username = '', password = '' } = data;
    const auth = Buffer.from(`${username}:${password}`).toString('base64');
    merged.auths[url] = { username, password, auth, email: 'not@val.id' };
  }
  return JSON.stringify(merged);
}

/** Copies what was written into the step's home, where tools look for it, owned by the step's user. */
export async function copyToHome(
  directory: string,
  home: string,
  user: { uid: number; gid: number } | undefined,
): Promise<void> {
  for (const name of await readdir(directory)) {
    // A link that a step left there could lead anywhere.
    if ((await lstat(join(home, name)).catch(() => undefined))?.isSymbolicLink()) await rm(join(home, name));
    await cp(join(directory, name), join(home, name), { recursive: true, force: true });
    await own(join(home, name), user);
  }
}

/** Makes the files of a directory its user's alone. */
export async function giveTo(
  directory: string,
  user: { uid: number; gid: number } | undefined,
): Promise<void> {
  for (const name of await readdir(directory)) await own(join(directory, name), user);
}

async function own(path: string, user: { uid: number; gid: number } | undefined): Promise<void> {
  const found = await lstat(path);
  if (found.isSymbolicLink()) return undefined;
  if (user && process.getuid?.() === 0) await chown(path, user.uid, user.gid);
  if (!found.isDirectory()) return chmod(path, 0o600);
  await chmod(path, 0o700);
  for (const name of await readdir(path)) await own(join(path, name), user);
}
