import { type KubernetesObject, keyOf, type TypeRegistry } from '@tagboat/api';
import { Commit } from '@tagboat/git-client';
import type { Reader } from '@tagboat/store';
import { type Application, lastAppliedAnnotation } from './application.ts';
import { applied, differences, normalise, tracked } from './diff.ts';
import { trackingId } from './plan-sync.ts';
import { renderSource } from './source.ts';

/** One object of an Application as it is and as a sync would leave it (Argo CD's ResourceDiff, with objects for texts). */
export interface ManagedResource {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** As it is, without status and what the server adds; absent where there is none. */
  readonly live?: KubernetesObject;
  /** As a sync would leave it; absent where the object would be pruned. */
  readonly target?: KubernetesObject;
  readonly differs: boolean;
}

export interface ManagedResources {
  readonly revision: string;
  readonly items: readonly ManagedResource[];
}

/** Compares each object of an Application with what its repository declares now. @throws what rendering throws */
export async function managedResources(
  application: Application,
  {
    reader,
    types,
    repository,
  }: { reader: Reader; types: TypeRegistry; repository: (url: string) => Promise<string> },
): Promise<ManagedResources> {
  const { source, destination } = application.spec!;
  const directory = await repository(source.repoURL);
  const commit = await Commit.at(directory, source.targetRevision ?? 'HEAD');
  const rendered = await renderSource(commit, source);
  const items: ManagedResource[] = [];
  for (const object of rendered.objects) {
    const type = types.of(object);
    const namespace = type.namespaced
      ? (object.metadata.namespace ?? destination.namespace ?? 'default')
      : '';
    const placed = namespace ? { ...object, metadata: { ...object.metadata, namespace } } : object;
    const desired = tracked(placed, trackingId(application.metadata.name, placed));
    const live = await reader.get(keyOf(type, placed));
    items.push({
      kind: object.kind,
      namespace,
      name: object.metadata.name,
      ...(live ? { live: shown(live) } : {}),
      target: shown(live ? applied(live, desired) : desired),
      differs: !live || differences(desired, live).length > 0,
    });
  }
  const gone = (application.status?.resources ?? []).filter(({ requiresPruning }) => requiresPruning);
  for (const { group, version, kind, namespace, name } of gone) {
    const type = types.find(group === '' ? version : `${group}/${version}`, kind);
    const live = type && (await reader.get({ type, namespace, name }));
    if (live) items.push({ kind, namespace, name, live: shown(live), differs: true });
  }
  return { revision: commit.id, items };
}

/** What people compare: no server fields, no copy of the object in its own annotation, no secrets. */
function shown(object: KubernetesObject): KubernetesObject {
  const plain = normalise(object);
  const { [lastAppliedAnnotation]: _, ...annotations } = plain.metadata.annotations ?? {};
  const result = { ...plain, metadata: { ...plain.metadata, annotations } } as KubernetesObject & {
    data?: object;
    stringData?: object;
  };
  if (object.kind !== 'Secret') return result;
  return {
    ...result,
    ...(result.data ? { data: masked(result.data) } : {}),
    ...(result.stringData ? { stringData: masked(result.stringData) } : {}),
  } as KubernetesObject;
}

const masked = (values: object) => Object.fromEntries(Object.keys(values).map((key) => [key, '++++++++']));
