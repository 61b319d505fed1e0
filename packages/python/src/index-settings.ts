import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { canonicalJson } from '@tagboat/base';
import type { InstallerOption, Requirements } from './types.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Where packages come from: the machine's settings with the requirements' own on top. */
export interface IndexSettings {
  /** The index that answers for everything (PEP 503 or 691), without a slash at the end. */
  readonly indexUrl: string;
  readonly extraIndexUrls: readonly string[];
  readonly findLinks: readonly string[];
  readonly trustedHosts: readonly string[];
  readonly noIndex: boolean;
  readonly noBinary: readonly string[];
  readonly onlyBinary: readonly string[];
  readonly pre: boolean;
  /** A file of PEM certificates to trust besides the usual ones. */
  readonly certificates: string | undefined;
  readonly proxy: string | undefined;
}

const defaultIndex = 'https://pypi.org/simple';

/** The `[global]` and `[install]` settings of one pip.conf. Its format is ConfigParser's. */
export function parsePipConfig(text: string): Record<string, string> {
  const settings: Record<string, string> = {};
  let relevant = false;
  let last: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const section = /^\[([^\]]+)\]/.exec(line)?.[1];
    const setting = /^([A-Za-z][\w-]*)\s*[=:]\s*(.*)$/.exec(line);
    if (/^\s*([#;]|$)/.test(line)) continue;
    if (section) {
      relevant = section === 'global' || section === 'install';
      last = undefined;
    } else if (relevant && setting) {
      last = setting[1]!.replace(/_/g, '-');
      settings[last] = setting[2]!.trim();
    } else if (relevant && last && /^\s/.test(line))
      settings[last] = `${settings[last]}\n${line.trim()}`.trim();
  }
  return settings;
}

/** Where pip looks for its settings, the later ones winning. */
function configFiles(env: Env): string[] {
  if (env.PIP_CONFIG_FILE) return [env.PIP_CONFIG_FILE];
  const home = env.HOME ?? homedir();
  return [
    ...(env.XDG_CONFIG_DIRS ?? '/etc/xdg').split(':').map((directory) => join(directory, 'pip', 'pip.conf')),
    '/etc/pip.conf',
    join(home, '.pip', 'pip.conf'),
    join(env.XDG_CONFIG_HOME ?? join(home, '.config'), 'pip', 'pip.conf'),
  ];
}

async function pipConfig(env: Env): Promise<Record<string, string>> {
  const texts = await Promise.all(configFiles(env).map((file) => readFile(file, 'utf8').catch(() => '')));
  return Object.assign({}, ...texts.map(parsePipConfig)) as Record<string, string>;
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/[\s,]+/).filter((word) => word !== '');
}

/** `${NAME}` as pip expands it: capital letters, digits, underscores; what is not set stays as it is. */
function expanded(text: string, env: Env): string {
  return text.replace(/\$\{([A-Z0-9_]+)\}/g, (whole, name: string) => env[name] ?? whole);
}

function valuesOf(options: readonly InstallerOption[], name: InstallerOption['name'], env: Env): string[] {
  return options.filter((option) => option.name === name).map((option) => expanded(option.value, env));
}

/** Local directories of packages are relative to the file that names them. */
function linkLocations(requirements: Requirements, env: Env): string[] {
  return requirements.options
    .filter((option) => option.name === 'find-links')
    .map((option) => {
      const value = expanded(option.value, env);
      if (/^[a-z]+:/i.test(value) || isAbsolute(value)) return value;
      return resolve(requirements.directory, dirname(option.source.file), value);
    });
}

/** The machine's settings for packages: environment variables of uv and pip, then pip.conf. */
export async function indexSettings(env: Env, requirements?: Requirements): Promise<IndexSettings> {
  const config = await pipConfig(env);
  const options = requirements?.options ?? [];
  const own = (name: InstallerOption['name']) => valuesOf(options, name, env);
  const machineIndex = env.UV_DEFAULT_INDEX || env.UV_INDEX_URL || env.PIP_INDEX_URL || config['index-url'];
  const indexUrl = own('index-url').at(-1) ?? (machineIndex || defaultIndex);
  const machineExtra = env.UV_EXTRA_INDEX_URL || env.PIP_EXTRA_INDEX_URL || config['extra-index-url'];
  const machineLinks = env.UV_FIND_LINKS || env.PIP_FIND_LINKS || config['find-links'];
  const machineHosts = env.UV_INSECURE_HOST || env.PIP_TRUSTED_HOST || config['trusted-host'];
  return {
    indexUrl: indexUrl.replace(/\/+$/, ''),
    extraIndexUrls: [...own('extra-index-url'), ...words(machineExtra)],
    findLinks: [...(requirements ? linkLocations(requirements, env) : []), ...words(machineLinks)],
    trustedHosts: [...own('trusted-host'), ...words(machineHosts)],
    noIndex:
      own('no-index').length > 0 || /^(1|true|yes|on)$/i.test(env.PIP_NO_INDEX ?? config['no-index'] ?? ''),
    noBinary: own('no-binary').flatMap(words),
    onlyBinary: own('only-binary').flatMap(words),
    pre: own('pre').length > 0,
    certificates: env.SSL_CERT_FILE || env.PIP_CERT || config.cert || env.REQUESTS_CA_BUNDLE,
    proxy: env.PIP_PROXY || config.proxy,
  };
}

/** A URL as it may be shown and stored: without user and password. */
export function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/@\s]*@/g, '//');
}

/** The part of the settings that decides what is resolved, without secrets. */
export function settingsIdentity(settings: IndexSettings): string {
  const { certificates: _certificates, proxy: _proxy, trustedHosts: _hosts, ...rest } = settings;
  return withoutCredentials(canonicalJson(rest));
}

/** The settings as environment variables that both uv and pip read; they are not seen in a list of processes. */
export function settingsEnvironment(settings: IndexSettings, env: Env): Record<string, string | undefined> {
  const join = (values: readonly string[], separator: string) =>
    values.length > 0 ? values.join(separator) : undefined;
  const proxies = settings.proxy
    ? { HTTPS_PROXY: env.HTTPS_PROXY ?? settings.proxy, HTTP_PROXY: env.HTTP_PROXY ?? settings.proxy }
    : {};
  return {
    ...env,
    ...proxies,
    UV_INDEX: undefined,
    UV_INDEX_URL: undefined,
    UV_DEFAULT_INDEX: settings.indexUrl,
    UV_EXTRA_INDEX_URL: join(settings.extraIndexUrls, ' '),
    UV_FIND_LINKS: join(settings.findLinks, ','),
    UV_INSECURE_HOST: join(settings.trustedHosts, ' '),
    SSL_CERT_FILE: settings.certificates,
    PIP_INDEX_URL: settings.indexUrl,
    PIP_EXTRA_INDEX_URL: join(settings.extraIndexUrls, ' '),
    PIP_FIND_LINKS: join(settings.findLinks, ' '),
    PIP_TRUSTED_HOST: join(settings.trustedHosts, ' '),
    PIP_CERT: settings.certificates,
  };
}
