import type { KubernetesObject, Pod } from '@tagboat/api';
import type { DeleteOptions } from '@tagboat/store';
import { readBody } from './body.ts';
import { isDryRun, isTrue, wholeNumber } from './query.ts';
import { badRequest, forbidden } from './status.ts';
import type { WriteRequest } from './write-request.ts';

interface DeleteBody {
  readonly propagationPolicy?: string;
  readonly orphanDependents?: boolean;
  readonly preconditions?: { uid?: string; resourceVersion?: string };
  readonly dryRun?: readonly string[];
  readonly gracePeriodSeconds?: number;
}

/** How long an object has to end where nobody says: a pod as long as it declares, others not at all. */
export function gracePeriodOf({ kind, spec }: KubernetesObject): number {
  if (kind !== 'Pod') return 0;
  return (spec as Pod['spec'])?.terminationGracePeriodSeconds ?? 30;
}

/** meta/v1 DeleteOptions, of the body or the query. */
export function deleteOptions({ query, body, contentType }: WriteRequest): DeleteOptions {
  const given = (body.trim() === '' ? {} : readBody(body, contentType)) as DeleteBody;
  const grace = given.gracePeriodSeconds ?? wholeNumber(query.gracePeriodSeconds, 'gracePeriodSeconds');
  if (grace !== undefined && !Number.isSafeInteger(grace))
    throw badRequest(`expected a whole number as gracePeriodSeconds, found "${grace}"`);
  const orphan =
    given.orphanDependents ?? (query.orphanDependents ? isTrue(query.orphanDependents) : undefined);
  const policy =
    given.propagationPolicy ??
    query.propagationPolicy ??
    (orphan === undefined ? undefined : orphan ? 'Orphan' : 'Background');
  if (policy !== undefined && !['Foreground', 'Background', 'Orphan'].includes(policy))
    throw badRequest(
      `DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "${policy}": supported values: "Foreground", "Background", "Orphan"`,
    );
  const { uid, resourceVersion } = given.preconditions ?? {};
  return {
    ...(grace === undefined ? {} : { gracePeriodSeconds: Math.max(0, grace) }),
    ...(policy === undefined ? {} : { propagation: policy as NonNullable<DeleteOptions['propagation']> }),
    ...(uid ? { uid } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
    dryRun: isDryRun(given.dryRun) || isDryRun(query.dryRun),
  };
}

/** Whether finalizers still keep an object that was deleted. */
export const holds = (after: KubernetesObject, before: KubernetesObject) =>
  after.metadata.deletionTimestamp !== undefined &&
  ((after.metadata.finalizers?.length ?? 0) > 0 || after.kind === 'Namespace') &&
  after.metadata.uid === before.metadata.uid;

/** The namespace that everybody has (admission plugin NamespaceLifecycle). @throws `Forbidden` */
export function refuseForImmortal({ kind, apiVersion, metadata: { name } }: KubernetesObject): void {
  if (kind === 'Namespace' && apiVersion === 'v1' && name === 'default')
    throw forbidden(`namespaces "${name}" is forbidden: this namespace may not be deleted`, {
      name,
      kind: 'namespaces',
    });
}
