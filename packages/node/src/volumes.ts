import { chmodSync, chownSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type Container,
  kinds,
  type PersistentVolumeClaim,
  type Pod,
  type Volume,
  type VolumeProjection,
} from '@tagboat/api';
import { safeJoin, TagboatError } from '@tagboat/base';
import { removeTree } from '@tagboat/process';
import type { Reader } from '@tagboat/store';
import { expand, fieldOf, filesOf, resourceField } from './environment.ts';
import { wouldStayInside } from './inside.ts';
import type { NodeLayout } from './layout.ts';
import { type VolumeFile, valueFiles, writeVolumeFiles } from './volume-files.ts';

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

/**
 * The pods' volumes as directories of the host. What is made there is small and on the local disk, so it is made at
 * once: a turn through the thread pool for each file and directory was most of the time that a pod took to start.
 */
export class PodVolumes {
  readonly #options: VolumesOptions;
  /** Values of Secrets that this pod's volumes hold, to be masked in its logs. */
  readonly secrets: string[] = [];
  readonly #paths = new Map<string, string>();
  /** Volumes that no container may write to. */
  readonly #readOnly = new Set<string>();
  /** What was written into volumes that follow other objects, by volume. */
  readonly #files = new Map<string, Map<string, VolumeFile>>();

  constructor(options: VolumesOptions) {
    this.#options = options;
  }

  /**
   * Makes every volume of the pod. What an `emptyDir` held from an earlier life of the pod is gone.
   * @throws `FailedMount` that names the claim, Secret or ConfigMap that is missing.
   */
  async prepare(pod: Pod): Promise<void> {
    const root = join(this.#options.layout.pod(pod.metadata.uid ?? ''), 'volumes');
    if (existsSync(root)) await removeTree([root]);
    this.#files.clear();
    for (const volume of pod.spec?.volumes ?? []) {
      this.#paths.set(volume.name, await this.#make(pod, volume, safeJoin(root, volume.name)));
      if (isReadOnly(volume)) this.#readOnly.add(volume.name);
    }
    const token = join(root, 'token');
    mkdirSync(token, { recursive: true });
    if (pod.spec?.automountServiceAccountToken === false) return;
    const text = this.#options.tokenFor(pod);
    this.secrets.push(text);
    writeFileSync(join(token, 'token'), text, { mode: 0o644 });
    writeFileSync(join(token, 'namespace'), pod.metadata.namespace ?? '');
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
  mounts(container: Container, environment: Readonly<Record<string, string>> = {}): Mount[] {
    const mounts: Mount[] = [];
    for (const { name, mountPath, subPath: plain, subPathExpr, readOnly } of container.volumeMounts ?? []) {
      const subPath = subPathExpr === undefined ? plain : expand(subPathExpr, environment);
      const path = this.#paths.get(name);
      if (!path)
        throw failedMount(
          `container "${container.name}" mounts the volume "${name}", which the pod does not have`,
        );
      const hostPath = subPath ? safeJoin(path, subPath) : path;
      if (subPath && !wouldStayInside(path, hostPath))
        throw failedMount(`the subPath "${subPath}" of volume "${name}" is a link that leads out of it`);
      if (subPath) makeSubPath(hostPath, path);
      mounts.push({
        hostPath,
        mountPath: trimSlash(mountPath),
        readOnly: readOnly || this.#readOnly.has(name),
      });
    }
    const token = this.#paths.get(serviceAccountVolume);
    if (token) mounts.push({ hostPath: token, mountPath: serviceAccountPath, readOnly: true });
    return mounts.sort((a, b) => a.mountPath.length - b.mountPath.length);
  }

  /** The host's path of a path as the container sees it; undefined where nothing is mounted there. */
  static hostPath(mounts: readonly Mount[], path: string): string | undefined {
    const mount = PodVolumes.#mountOf(mounts, path);
    return mount && join(mount.hostPath, path.slice(mount.mountPath.length));
  }

  /**
   * The same for who reads or writes there. Steps may have made links, which lead elsewhere on the host than in the
   * container.
   * @throws `PathLeadsOut` where what is there of the path is not below its mount
   */
  static safeHostPath(mounts: readonly Mount[], path: string): string | undefined {
    const mount = PodVolumes.#mountOf(mounts, path);
    const found = PodVolumes.hostPath(mounts, path);
    if (!mount || found === undefined) return undefined;
    if (wouldStayInside(mount.hostPath, found)) return found;
    throw new TagboatError(`"${path}" is a link, or lies behind one, that leads out of its volume`, {
      reason: 'PathLeadsOut',
      retryable: false,
    });
  }

  static #mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
    return mounts.filter(({ mountPath }) => path === mountPath || path.startsWith(`${mountPath}/`)).at(-1);
  }

  async #make(pod: Pod, volume: Volume, path: string): Promise<string> {
    const { persistentVolumeClaim, configMap, secret, projected, downwardAPI } = volume;
    if (persistentVolumeClaim) return this.#claim(pod, persistentVolumeClaim.claimName);
    refuseUnknown(volume);
    mkdirSync(path, { recursive: true, mode: 0o777 });
    chmodSync(path, 0o777);
    giveToGroup(path, pod.spec?.securityContext?.fsGroup);
    if (configMap || secret || projected || downwardAPI) await this.#fill(pod, volume, path);
    return path;
  }

  /** Brings the files of ConfigMaps, Secrets and the downward API up to date with what they hold now. */
  async refresh(pod: Pod): Promise<void> {
    for (const volume of pod.spec?.volumes ?? [])
      if (this.#files.has(volume.name)) await this.#fill(pod, volume, this.directory(volume.name));
  }

  async #fill(pod: Pod, volume: Volume, path: string): Promise<void> {
    const { configMap, secret, projected, downwardAPI } = volume;
    const mode = (configMap ?? secret ?? projected ?? downwardAPI)?.defaultMode ?? 0o644;
    const sources: VolumeProjection[] = [
      ...(configMap ? [{ configMap }] : []),
      ...(secret ? [{ secret: { ...secret, name: secret.secretName } }] : []),
      ...(downwardAPI ? [{ downwardAPI }] : []),
      ...(projected?.sources ?? []),
    ];
    const files = new Map<string, VolumeFile>();
    for (const source of sources)
      for (const [name, file] of await this.#project(pod, mode, source))
        files.set(name, { ...file, mode: file.mode | readableBy(pod.spec?.securityContext?.fsGroup) });
    await writeVolumeFiles(path, this.#files.get(volume.name) ?? new Map(), files);
    this.#files.set(volume.name, files);
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
    if (shared) linkShared(path, safeJoin(this.#options.layout.home, shared));
    else if (!existsSync(path)) {
      mkdirSync(path, { recursive: true });
      // Whoever the pod runs as, it can write into its claim.
      chmodSync(path, 0o777);
    }
    if (!shared) giveToGroup(path, pod.spec?.securityContext?.fsGroup);
    return path;
  }

  async #project(pod: Pod, mode: number, source: VolumeProjection): Promise<[string, VolumeFile][]> {
    const { secret, configMap, serviceAccountToken, downwardAPI } = source;
    const files: [string, VolumeFile][] = [];
    const named = secret ?? configMap;
    if (named) {
      const { name, items, optional = false } = named;
      const values = await filesOf(this.#options.reader, pod, { name, secret: secret !== undefined });
      if (!values && !optional) throw failedMount(`${secret ? 'secret' : 'configmap'} "${name}" not found`);
      if (secret)
        this.secrets.push(...Object.values(values ?? {}).map((data) => Buffer.from(data).toString('utf8')));
      files.push(...valueFiles(values ?? {}, { items, optional, mode }));
    }
    if (serviceAccountToken)
      files.push([serviceAccountToken.path, { data: Buffer.from(this.#options.tokenFor(pod)), mode }]);
    for (const item of downwardAPI?.items ?? []) {
      const text = item.fieldRef
        ? fieldOf(pod, item.fieldRef.fieldPath)
        : item.resourceFieldRef
          ? resourceField(pod, undefined, item.resourceFieldRef)
          : '';
      files.push([item.path, { data: Buffer.from(text), mode: item.mode ?? mode }]);
    }
    return files;
  }
}

/** A volume belongs to the pod's `fsGroup`, and so does what is made in it (core/v1 PodSecurityContext); root alone can do that. */
function giveToGroup(path: string, group: number | undefined): void {
  if (group === undefined || process.getuid?.() !== 0) return;
  const { uid } = statSync(path);
  chownSync(path, uid, group);
  chmodSync(path, 0o2777);
}

/** What the `fsGroup` of a pod may do with files that show other objects, whatever their mode. */
const readableBy = (group: number | undefined) => (group === undefined ? 0 : 0o440);

/**
 * Makes the directory that a `subPath` names, with the permissions of its volume, as a kubelet does: who may write to the
 * volume may write there. What is there already, a single file too, is mounted as it is.
 */
function makeSubPath(path: string, volume: string): void {
  if (existsSync(path)) return;
  mkdirSync(path, { recursive: true });
  chmodSync(path, statSync(volume).mode & 0o7777);
}

/** What shows other objects is never written to, whatever its mounts say; a claim, where its source says so (core/v1 Volume). */
const isReadOnly = ({ persistentVolumeClaim, configMap, secret, projected, downwardAPI }: Volume): boolean =>
  persistentVolumeClaim?.readOnly ?? Boolean(configMap ?? secret ?? projected ?? downwardAPI);

const volumeKinds = new Set([
  'name',
  'emptyDir',
  'configMap',
  'secret',
  'projected',
  'downwardAPI',
  'persistentVolumeClaim',
]);

function refuseUnknown(volume: Volume): void {
  const other = Object.keys(volume).find((field) => !volumeKinds.has(field));
  if (other)
    throw failedMount(
      `volume "${volume.name}" is of kind ${other}, which pods cannot have here: expected one of ${[...volumeKinds].slice(1).join(', ')}`,
    );
}

const serviceAccountVolume = 'kube-api-access';
const serviceAccountPath = '/var/run/secrets/kubernetes.io/serviceaccount';

/** A claim with this annotation is a directory below `TAGBOAT_HOME` that several claims share. */
export const sharedClaimAnnotation = 'tagboat.dev/shared-directory';

function linkShared(path: string, target: string): void {
  mkdirSync(target, { recursive: true });
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}

function failedMount(message: string): TagboatError {
  return new TagboatError(message, { reason: 'FailedMount' });
}

const trimSlash = (path: string) => (path.length > 1 ? path.replace(/\/+$/, '') : path);
