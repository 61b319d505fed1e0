import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseYaml, type SourceDocument } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import { defaultRetained, type Retained } from '@tagboat/node';
import { defaultKeepUnused, type KeepUnused } from './collection/collection.ts';

/** One port of the platform that is an outside service. */
export interface Port {
  readonly url: string;
  /** Where its credentials are: a file with `username:password` or a token, mode 0600. */
  readonly credentialsFrom?: { readonly file: string };
}

export const portNames = ['code', 'cluster', 'registry', 'tracking', 'metrics', 'identity'] as const;
export type PortName = (typeof portNames)[number];
const later: readonly PortName[] = ['cluster', 'tracking', 'metrics', 'identity'];

/** What `tagboat.config.yaml` and the environment say. */
export interface Configuration {
  readonly home: string;
  readonly host: string;
  readonly port: number;
  readonly appsPort: number;
  /** Of the Kubernetes API over TLS; absent: not served. */
  readonly tlsPort?: number;
  /** True where somebody chose that port, who then wants to hear that it cannot be had. */
  readonly tlsPortChosen?: boolean;
  readonly driver?: 'sandbox' | 'process' | 'container';
  readonly ports: Readonly<Partial<Record<PortName, Port>>>;
  /** How long, and how much of them, logs and artifacts stay: `keep`. */
  readonly retained: Retained;
  /** How long what nothing uses stays: `keep` too. */
  readonly keepUnused: KeepUnused;
}

/** State lives here unless `TAGBOAT_HOME` says otherwise (XDG base directory specification). */
export function defaultHome(env: NodeJS.ProcessEnv = process.env): string {
  if (env.TAGBOAT_HOME) return resolve(env.TAGBOAT_HOME);
  return join(env.XDG_DATA_HOME || join(env.HOME || homedir(), '.local', 'share'), 'tagboat');
}

/**
 * Reads `tagboat.config.yaml` of the home directory, or the file that `TAGBOAT_CONFIG` names.
 * @throws `Invalid` with file:line:column
 */
export async function readConfiguration(env: NodeJS.ProcessEnv = process.env): Promise<Configuration> {
  const home = defaultHome(env);
  const file = env.TAGBOAT_CONFIG ?? join(home, 'tagboat.config.yaml');
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && !env.TAGBOAT_CONFIG) return '';
    throw invalid(`cannot read ${file}: ${error.code}`);
  });
  const port = portNumber(env.TAGBOAT_PORT ?? '8080', 'TAGBOAT_PORT');
  const driver = env.TAGBOAT_DRIVER;
  if (driver !== undefined && driver !== 'sandbox' && driver !== 'process' && driver !== 'container')
    throw invalid(`expected TAGBOAT_DRIVER sandbox, process or container, found "${driver}"`);
  return {
    home,
    host: '127.0.0.1',
    port,
    appsPort: port === 0 ? 0 : portNumber(env.TAGBOAT_APPS_PORT ?? String(port + 1), 'TAGBOAT_APPS_PORT'),
    ...tlsPort(env, port),
    ...(driver ? { driver } : {}),
    ...readText(text, file),
  };
}

/** 8443 beside 8080, else two above the main port. */
function tlsPort(
  { TAGBOAT_TLS_PORT: text }: NodeJS.ProcessEnv,
  port: number,
): Pick<Configuration, 'tlsPort' | 'tlsPortChosen'> {
  if (text === 'off') return {};
  if (text) return { tlsPort: portNumber(text, 'TAGBOAT_TLS_PORT'), tlsPortChosen: true };
  return { tlsPort: port === 0 ? 0 : port === 8080 ? 8443 : port + 2 };
}

function portNumber(text: string, name: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535)
    throw invalid(`expected a port number in ${name}, found "${text}"`);
  return Number(text);
}

function readText(text: string, file: string): Pick<Configuration, 'ports' | 'retained' | 'keepUnused'> {
  const document = parseYaml(text, file)[0];
  const value = (document?.value ?? {}) as Record<string, unknown>;
  const known = ['keep', ...portNames].join(', ');
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalid(`expected a map with some of ${known}`, { location: { file } });
  const { keep, ...ports } = value;
  return { ports: readPorts(ports, document), ...readKeep(keep, document) };
}

/** Which limits each part of `keep` has. */
const keepUnits = {
  logs: ['days', 'megabytes'],
  artifacts: ['days', 'megabytes'],
  registry: ['days'],
  environments: ['days'],
  workspaces: ['days'],
} as const;

/** `keep: { logs: { days, megabytes }, ..., registry: { days }, ... }`; what is not said stays as it is. */
function readKeep(
  value: unknown,
  document: SourceDocument | undefined,
): Pick<Configuration, 'retained' | 'keepUnused'> {
  const { logs, artifacts, registry, environments, workspaces } = structuredClone({
    ...defaultRetained,
    ...defaultKeepUnused,
  });
  const kept: Record<keyof typeof keepUnits, { days: number; bytes?: number }> = {
    ...{ logs, artifacts, registry, environments, workspaces },
  };
  for (const [name, limits] of Object.entries(mapAt(value, ['keep'], document))) {
    if (!Object.hasOwn(keepUnits, name))
      throw invalid(`unknown key "${name}"; expected ${Object.keys(keepUnits).join(', ')}`, {
        location: document?.locate(['keep', name]),
      });
    const part = name as keyof typeof keepUnits;
    const units: readonly string[] = keepUnits[part];
    for (const [unit, number] of Object.entries(mapAt(limits, ['keep', name], document))) {
      const location = document?.locate(['keep', name, unit]);
      if (!units.includes(unit))
        throw invalid(`unknown key "${unit}"; expected ${units.join(', ')}`, { location });
      if (typeof number !== 'number' || !(number >= 0))
        throw invalid(`expected a number of ${unit}, found ${JSON.stringify(number)}`, { location });
      if (unit === 'days') kept[part].days = number;
      else kept[part].bytes = number * 2 ** 20;
    }
  }
  return { retained: { logs, artifacts }, keepUnused: { registry, environments, workspaces } };
}

function mapAt(
  value: unknown,
  path: string[],
  document: SourceDocument | undefined,
): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(`expected a map in ${path.join('.')}`, { location: document?.locate(path) });
}

function readPorts(
  value: Record<string, unknown>,
  document: SourceDocument | undefined,
): Partial<Record<PortName, Port>> {
  const ports: Partial<Record<PortName, Port>> = {};
  for (const [name, item] of Object.entries(value)) {
    const location = document!.locate([name]);
    if (!portNames.includes(name as PortName))
      throw invalid(`unknown key "${name}"; expected keep, ${portNames.join(', ')}`, { location });
    if (later.includes(name as PortName))
      throw invalid(`an outside "${name}" is not acted on yet`, { location, hint: 'remove the key' });
    const port = item as Partial<Port> | null;
    if (typeof port?.url !== 'string' || !URL.canParse(port.url))
      throw invalid(`expected a url below "${name}"`, { location });
    ports[name as PortName] = port as Port;
  }
  return ports;
}

/** Username and password of an outside service. @throws `Invalid` */
export async function credentialsOfPort(
  port: Port | undefined,
): Promise<{ username: string; password: string } | undefined> {
  const file = port?.credentialsFrom?.file;
  if (!file) return undefined;
  const text = (
    await readFile(file, 'utf8').catch(() => {
      throw invalid(`cannot read the credentials file ${file}`);
    })
  ).trim();
  const colon = text.indexOf(':');
  return colon < 0
    ? { username: 'tagboat', password: text }
    : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
