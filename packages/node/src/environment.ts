import { availableParallelism, totalmem } from 'node:os';
import { type ConfigMap, type Container, type EnvVar, kinds, type Pod, type Secret } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import type { Reader } from '@tagboat/store';
import { decodedSecret } from './decoded-secret.ts';
import { parseQuantity } from './quantity.ts';

export interface ResolvedEnvironment {
  readonly variables: Record<string, string>;
  /** Values that came from Secrets. */
  readonly secrets: readonly string[];
}

/**
 * The environment of a container: `envFrom`, then `env` in order, with `$(NAME)` expanded from what came before
 * (Kubernetes' dependent environment variables).
 * @throws `CreateContainerConfigError` that names a Secret, ConfigMap or key that is missing.
 */
export async function resolveEnvironment(
  reader: Reader,
  pod: Pod,
  container: Container,
): Promise<ResolvedEnvironment> {
  const variables: Record<string, string> = {};
  const secrets: string[] = [];
  for (const { prefix = '', secretRef, configMapRef } of container.envFrom ?? []) {
    const source = secretRef ?? configMapRef;
    if (!source) continue;
    const values = await valuesOf(reader, pod, { name: source.name, secret: secretRef !== undefined });
    if (!values && !source.optional)
      throw missing(`${secretRef ? 'Secret' : 'ConfigMap'} "${source.name}"`, container);
    for (const [key, value] of Object.entries(values ?? {})) variables[prefix + key] = value;
    if (secretRef) secrets.push(...Object.values(values ?? {}));
  }
  for (const variable of container.env ?? []) {
    const value = await variableValue(reader, pod, { container, variable, secrets });
    if (value !== undefined) variables[variable.name] = expand(value, variables);
  }
  return { variables, secrets };
}

/** `$(NAME)` replaced where NAME is known; `$$(NAME)` stays as `$(NAME)`. */
export function expand(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$(\$?)\(([A-Za-z_][\w.-]*)\)/g, (whole, escaped: string, name: string) =>
    escaped ? `$(${name})` : (variables[name] ?? whole),
  );
}

async function variableValue(
  reader: Reader,
  pod: Pod,
  { container, variable, secrets }: { container: Container; variable: EnvVar; secrets: string[] },
): Promise<string | undefined> {
  const { value, valueFrom } = variable;
  if (!valueFrom) return value ?? '';
  const { secretKeyRef, configMapKeyRef, fieldRef, resourceFieldRef } = valueFrom;
  const reference = secretKeyRef ?? configMapKeyRef;
  if (reference) {
    const values = await valuesOf(reader, pod, {
      name: reference.name,
      secret: secretKeyRef !== undefined,
    });
    const found = values?.[reference.key];
    if (found === undefined && !reference.optional)
      throw missing(
        `key "${reference.key}" of ${secretKeyRef ? 'Secret' : 'ConfigMap'} "${reference.name}"`,
        container,
      );
    if (secretKeyRef && found) secrets.push(found);
    return found;
  }
  if (fieldRef) return fieldOf(pod, fieldRef.fieldPath);
  if (resourceFieldRef) return resourceField(pod, container, resourceFieldRef);
  return '';
}

/**
 * An amount that a container declares, in units of the divisor, rounded up (core/v1 ResourceFieldSelector); a limit
 * that is not declared is what the machine has.
 */
export function resourceField(
  pod: Pod,
  own: Container | undefined,
  { resource, containerName, divisor }: { resource: string; containerName?: string; divisor?: string },
): string {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const container = containerName
    ? [...containers, ...initContainers].find(({ name }) => name === containerName)
    : own;
  const [kind, name = ''] = resource.split('.') as ['limits' | 'requests', string?];
  const { limits, requests } = container?.resources ?? {};
  const machine: Record<string, number> = { cpu: availableParallelism(), memory: totalmem() };
  const amount =
    (kind === 'limits' ? limits?.[name] : (requests?.[name] ?? limits?.[name])) ??
    (kind === 'limits' ? machine[name] : 0) ??
    0;
  const unit = divisor === undefined || divisor === '0' ? 1 : parseQuantity(divisor);
  return String(Math.ceil(parseQuantity(amount) / unit));
}

/** A downward API field (core/v1 ObjectFieldSelector). */
export function fieldOf(pod: Pod, path: string): string {
  if (path === 'spec.serviceAccountName') return pod.spec?.serviceAccountName ?? 'default';
  if (path === 'status.podIPs' || path === 'status.hostIPs')
    return (pod.status?.[path === 'status.podIPs' ? 'podIPs' : 'hostIPs'] ?? [])
      .map(({ ip }) => ip)
      .join(',');
  const bracket = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (bracket) return pod.metadata[bracket[1] as 'labels' | 'annotations']?.[bracket[2]!] ?? '';
  let value: unknown = pod;
  for (const part of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[part];
  return typeof value === 'object' && value !== null
    ? Object.entries(value)
        .map(([key, item]) => `${key}=${JSON.stringify(item)}`)
        .join('\n')
    : String(value ?? '');
}

/** The values of a Secret (decoded) or ConfigMap in the pod's namespace. */
export async function valuesOf(
  reader: Reader,
  pod: Pod,
  { name, secret }: { name: string; secret: boolean },
): Promise<Record<string, string> | undefined> {
  const namespace = pod.metadata.namespace ?? '';
  if (!secret) return (await reader.get<ConfigMap>({ type: kinds.ConfigMap, namespace, name }))?.data;
  const found = await reader.get<Secret>({ type: kinds.Secret, namespace, name });
  if (!found) return undefined;
  return decodedSecret(found);
}

/** The files that a Secret or ConfigMap makes in a volume: its values as bytes. */
export async function filesOf(
  reader: Reader,
  pod: Pod,
  { name, secret }: { name: string; secret: boolean },
): Promise<Record<string, Uint8Array> | undefined> {
  const namespace = pod.metadata.namespace ?? '';
  const decoded = (values: Record<string, string> = {}, encoding: BufferEncoding) =>
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value, encoding)] as const);
  if (secret) {
    const found = await reader.get<Secret>({ type: kinds.Secret, namespace, name });
    return (
      found && Object.fromEntries([...decoded(found.data, 'base64'), ...decoded(found.stringData, 'utf8')])
    );
  }
  const found = await reader.get<ConfigMap>({ type: kinds.ConfigMap, namespace, name });
  return (
    found && Object.fromEntries([...decoded(found.binaryData, 'base64'), ...decoded(found.data, 'utf8')])
  );
}

function missing(what: string, container: Container): TagboatError {
  return new TagboatError(`container "${container.name}" needs ${what}, which does not exist`, {
    reason: 'CreateContainerConfigError',
    hint:
      what.startsWith('Secret') || what.includes('of Secret') ? 'set it with: tagboat secret set' : undefined,
  });
}
