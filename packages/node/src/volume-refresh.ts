import { kinds, type Pod, type ResourceType } from '@tagboat/api';
import type { Clock, Logger } from '@tagboat/base';
import { changes } from '@tagboat/controller';
import type { ResourceStore } from '@tagboat/store';

export interface VolumeRefreshOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Writes the volumes of the pod, given as it is now, again. */
  readonly refresh: (pod: Pod) => Promise<void>;
}

/** The ConfigMaps and Secrets that a pod's volumes show, and whether they show something of the pod itself. */
export function volumeSources(pod: Pod): { configMaps: Set<string>; secrets: Set<string>; pod: boolean } {
  const found = { configMaps: new Set<string>(), secrets: new Set<string>(), pod: false };
  for (const { configMap, secret, downwardAPI, projected } of pod.spec?.volumes ?? []) {
    if (configMap) found.configMaps.add(configMap.name);
    if (secret) found.secrets.add(secret.secretName);
    if (downwardAPI) found.pod = true;
    for (const source of projected?.sources ?? []) {
      if (source.configMap) found.configMaps.add(source.configMap.name);
      if (source.secret) found.secrets.add(source.secret.name);
      if (source.downwardAPI) found.pod = true;
    }
  }
  return found;
}

/** Keeps a running pod's volumes true to what they show, as a kubelet does; what cannot be read now stays as it was. */
export async function followVolumes(pod: Pod, options: VolumeRefreshOptions): Promise<void> {
  const { store, clock, log, signal, refresh } = options;
  const { namespace = '', name } = pod.metadata;
  const sources = volumeSources(pod);
  let current = pod;
  let writing = Promise.resolve();
  const write = () => {
    writing = writing
      .then(() => refresh(current))
      .catch((error: unknown) => log.warn('a volume stays as it was', { pod: name, error }));
  };
  const follow = async (type: ResourceType, wanted: (name: string) => boolean) => {
    for await (const { type: change, object } of changes({
      reader: store,
      type,
      query: { namespace },
      clock,
      log,
      signal,
    })) {
      if (change === 'DELETED' || !wanted(object.metadata.name)) continue;
      if (type === kinds.Pod) current = { ...pod, metadata: object.metadata };
      write();
    }
  };
  const following = [
    ...(sources.configMaps.size > 0 ? [follow(kinds.ConfigMap, (id) => sources.configMaps.has(id))] : []),
    ...(sources.secrets.size > 0 ? [follow(kinds.Secret, (id) => sources.secrets.has(id))] : []),
    ...(sources.pod ? [follow(kinds.Pod, (id) => id === name)] : []),
  ];
  // What changed between the first writing and now.
  if (following.length > 0) write();
  await Promise.all(following);
  await writing;
}
