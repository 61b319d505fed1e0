import { chmod, mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type Container,
  type KeyToPath,
  kinds,
  type PersistentVolumeClaim,
  type Pod,
  type Volume,
  type VolumeProjection,
} from '@tagboat/api';
import { safeJoin, TagboatError } from '@tagboat/base';
import type { Reader } from '@tagboat/store';
import { fieldOf, valuesOf } from './environment.ts';
import { staysInside } from './inside.ts';
import type { NodeLayout } from './layout.ts';

/** A directory or file of the host that a container sees at `mountPath`. */
export interface Mount {
  readonly hostPath: string;
  readonly mountPath: string;
  readonly readOnly: boolean;
}

export interface VolumesOptions {
  readonly reader: Reader;
  readonly layout: NodeLayout;
  /** Makes the token that the pod's `serviceAccountToken` projections hold. */
  readonly tokenFor: (pod: Pod) => string;
}

/** The pods' volumes as directories of the host. */
export class PodVolumes {
  readonly #options: VolumesOptions;
  /** Values of Secrets that this pod's volumes hold, to be masked in its logs. */
  readonly secrets: string[] = [];
  readonly #paths = new Map<string, string>();

  constructor(options: VolumesOptions) {
    this.#options = options;
  }

  /**
   * Makes every volume of the pod. What an `emptyDir` held from an earlier life of the pod is gone.
   * @throws `FailedMount` that names the claim, Secret or ConfigMap that is missing.
   */
  async prepare(pod: Pod): Promise<void> {
    const root = join(this.#options.layout.pod(pod.metadata.uid ?? ''), 'volumes');
    await rm(root, { recursive: true, force: true });
    for (const volume of pod.spec?.volumes ?? [])
      this.#paths.set(volume.name, await this.#make(pod, volume, safeJoin(root, volume.name)));
    const token = join(root, 'token');
    await mkdir(token, { recursive: true, mode: 0o700 });
    if (pod.spec?.automountServiceAccountToken === false) return;
    const text = this.#options.tokenFor(pod);
    this.secrets.push(text);
    await writeFile(join(token, 'token'), text, { mode: 0o600 });
    await writeFile(join(token, 'namespace'), pod.metadata.namespace ?? '');
    this.#paths.set(serviceAccountVolume, token);
  }

  /** Makes a directory of the host a volume of this pod. */
  addDirectory(name: string, path: string): void {
    this.#paths.set(name, path);
  }

  has(name: string): boolean {
    return this.#paths.has(name);
  }

  /** The host's directory behind a volume. */
  directory(name: string): string {
    const path = this.#paths.get(name);
    if (!path) throw failedMount(`the pod has no volume "${name}"`);
    return path;
  }

  /** What the container mounts, outermost first. */
  async mounts(container: Container): Promise<Mount[]> {
    const mounts: Mount[] = [];
    for (const { name, mountPath, subPath, readOnly } of container.volumeMounts ?? []) {
      const path = this.#paths.get(name);
      if (!path)
        throw failedMount(
          `container "${container.name}" mounts the volume "${name}", which the pod does not have`,
        );
      const hostPath = subPath ? safeJoin(path, subPath) : path;
      if (subPath && !(await exists(hostPath))) await mkdir(hostPath, { recursive: true });
      if (subPath && !(await staysInside(path, hostPath)))
        throw failedMount(`the subPath "${subPath}" of volume "${name}" is a link that leads out of it`);
      mounts.push({ hostPath, mountPath: trimSlash(mountPath), readOnly: readOnly ?? false });
    }
    const token = this.#paths.get(serviceAccountVolume);
    if (token) mounts.push({ hostPath: token, mountPath: serviceAccountPath, readOnly: true });
    return mounts.sort((a, b) => a.mountPath.length - b.mountPath.length);
  }

  /** The host's path of a path as the container sees it; undefined where nothing is mounted there. */
  static hostPath(mounts: readonly Mount[], path: string): string | undefined {
    const mount = mounts
      .filter(({ mountPath }) => path === mountPath || path.startsWith(`${mountPath}/`))
      .at(-1);
    return mount && join(mount.hostPath, path.slice(mount.mountPath.length));
  }

  async #make(pod: Pod, volume: Volume, path: string): Promise<string> {
    const { persistentVolumeClaim, configMap, secret, projected, hostPath } = volume;
    if (persistentVolumeClaim) return this.#claim(pod, persistentVolumeClaim.claimName);
    if (hostPath) throw failedMount(`volume "${volume.name}" is a hostPath, which pods cannot use here`);
    await mkdir(path, { recursive: true, mode: 0o777 });
    await chmod(path, 0o777);
    if (configMap) await this.#project(pod, path, { configMap });
    if (secret) await this.#project(pod, path, { secret: { ...secret, name: secret.secretName } });
    for (const source of projected?.sources ?? []) await this.#project(pod, path, source);
    return path;
  }

  async #claim(pod: Pod, name: string): Promise<string> {
    const namespace = pod.metadata.namespace ?? '';
    const claim = await this.#options.reader.get<PersistentVolumeClaim>({
      type: kinds.PersistentVolumeClaim,
      namespace,
      name,
    });
    if (!claim) throw failedMount(`persistentvolumeclaim "${name}" not found`);
    const path = this.#options.layout.claim(namespace, name);
    const shared = claim.metadata.annotations?.[sharedClaimAnnotation];
    if (shared) await linkShared(path, safeJoin(this.#options.layout.home, shared));
    else await mkdir(path, { recursive: true });
    return path;
  }

  async #project(pod: Pod, path: string, source: VolumeProjection): Promise<void> {
    const { secret, configMap, serviceAccountToken, downwardAPI } = source;
    const named = secret ?? configMap;
    if (named) {
      const values = await valuesOf(this.#options.reader, pod, {
        name: named.name,
        secret: secret !== undefined,
      });
      if (!values && !named.optional)
        throw failedMount(`${secret ? 'secret' : 'configmap'} "${named.name}" not found`);
      if (secret) this.secrets.push(...Object.values(values ?? {}));
      await writeValues(path, values ?? {}, named.items);
    }
    if (serviceAccountToken) await writeInside(path, serviceAccountToken.path, this.#options.tokenFor(pod));
    for (const { path: file, fieldRef } of downwardAPI?.items ?? [])
      await writeInside(path, file, fieldOf(pod, fieldRef.fieldPath));
  }
}

const serviceAccountVolume = 'kube-api-access';
const serviceAccountPath = '/var/run/secrets/kubernetes.io/serviceaccount';

/** A claim with this annotation is a directory below `TAGBOAT_HOME` that several claims share. */
export const sharedClaimAnnotation = 'tagboat.dev/shared-directory';

async function linkShared(path: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  if (await exists(path)) return;
  await mkdir(dirname(path), { recursive: true });
  await symlink(target, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

async function writeValues(
  path: string,
  values: Readonly<Record<string, string>>,
  items: readonly KeyToPath[] | undefined,
): Promise<void> {
  const wanted = items ?? Object.keys(values).map((key) => ({ key, path: key }));
  for (const item of wanted) {
    const value = values[item.key];
    if (value === undefined) throw failedMount(`references non-existent key: ${item.key}`);
    await writeInside(path, item.path, value);
  }
}

async function writeInside(root: string, path: string, text: string): Promise<void> {
  const file = safeJoin(root, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text, { mode: 0o644 });
}

function failedMount(message: string): TagboatError {
  return new TagboatError(message, { reason: 'FailedMount' });
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

const trimSlash = (path: string) => (path.length > 1 ? path.replace(/\/+$/, '') : path);
