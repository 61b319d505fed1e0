import { createHash } from 'node:crypto';
import {
  type ConfigMap,
  type KubernetesObject,
  kinds,
  type Param,
  type Provenance,
  parseYaml,
  type Secret,
} from '@tagboat/api';
import { describeError, invalid, TagboatError } from '@tagboat/base';
import type { RegistryClient } from '@tagboat/oci';
import type { Reader } from '@tagboat/store';
import { shapeProblems } from './shape-problems.ts';

/** A client of the registry at a host, with a login where one is given. */
export type Registries = (host: string, login?: { username: string; password: string }) => RegistryClient;

/** What a reference leads to, and where exactly it was found. */
export interface Resolved<T extends KubernetesObject> {
  readonly object: T;
  readonly source?: Provenance['refSource'];
}

export interface ResolveRequest {
  readonly reader: Reader;
  readonly namespace: string;
  readonly kind: 'Task' | 'Pipeline' | 'StepAction';
  /** Clients of registries, for bundles; absent: those anybody may read. */
  readonly registries?: Registries;
}

export const timeout = 60_000;
export const largestFile = 4 * 2 ** 20;

export type Params = ReadonlyMap<string, Param>;

export const optional = (params: Params, name: string): string | undefined => {
  const value = params.get(name)?.value;
  return typeof value === 'string' && value !== '' ? value : undefined;
};

export function required(params: Params, name: string): string {
  const value = optional(params, name);
  if (value === undefined) throw invalid(`missing required resolver params: ${name}`);
  return value;
}

export async function fetchText(url: string, headers: Record<string, string>): Promise<string> {
  let response: Response;
  try {
    response = await fetch(url, { headers, signal: AbortSignal.timeout(timeout) });
  } catch (cause) {
    const reason = (cause as { cause?: Error }).cause?.message ?? describeError(cause);
    throw failed(`cannot fetch ${url}: ${reason}`, cause);
  }
  if (!response.ok) throw failed(`requested URL '${url}' is not found (HTTP ${response.status})`);
  const text = await response.text();
  if (text.length > largestFile) throw failed(`expected at most ${largestFile} bytes from ${url}`);
  return text;
}

export async function secretOf(
  { reader, namespace }: ResolveRequest,
  params: Params,
  names: { secret: string; key: string },
): Promise<string | undefined> {
  const name = optional(params, names.secret);
  if (!name) return undefined;
  const key = optional(params, names.key) ?? 'token';
  const secret = await reader.get<Secret>({ type: kinds.Secret, namespace, name });
  const value = secret?.data?.[key];
  const plain = secret?.stringData?.[key];
  if (value === undefined && plain === undefined)
    throw failed(`cannot get API token, key "${key}" not found in secret ${name} in namespace ${namespace}`);
  return plain ?? Buffer.from(value!, 'base64').toString('utf8');
}

export function readObject<T extends KubernetesObject>(text: string, file: string, kind: string): T {
  for (const { value } of parseYaml(text, file)) {
    const object = value as T;
    if (object?.kind !== kind || !object.apiVersion?.startsWith('tekton.dev/')) continue;
    const problem = shapeProblems(kind, object.spec, object.apiVersion.split('/')[1])[0];
    if (problem) throw failed(`${file}: ${problem.message}: spec.${problem.field}`);
    return object;
  }
  throw failed(`expected a ${kind} of tekton.dev in ${file}, found none`);
}

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

export function failed(message: string, cause?: unknown): TagboatError {
  return new TagboatError(message, { reason: 'ResolutionFailed', retryable: false, cause });
}

/** The settings of a resolver, which Tekton keeps in a ConfigMap of its own namespace. */
export async function resolverSettings(reader: Reader, name: string): Promise<Record<string, string>> {
  const key = { type: kinds.ConfigMap, namespace: 'tekton-pipelines-resolvers', name };
  return (await reader.get<ConfigMap>(key))?.data ?? {};
}
