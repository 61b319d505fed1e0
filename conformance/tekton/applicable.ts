import type { KubernetesObject, PipelineRun, TaskRun } from '@tagboat/api';
import type { Engine } from '@tagboat/server';

/** Kinds that a cluster may enforce and that change nothing here. */
const ignored = new Set([
  'LimitRange',
  'ResourceQuota',
  'Role',
  'RoleBinding',
  'ClusterRole',
  'ClusterRoleBinding',
]);

/** Why a file cannot run since it needs a kind that nothing here serves; undefined where the kind changes nothing. */
export function notServed({ apiVersion, kind }: KubernetesObject): string | undefined {
  return ignored.has(kind)
    ? undefined
    : `needs ${apiVersion} ${kind}, which a CSI driver or another controller of a cluster serves`;
}

/**
 * Why a run that failed could not have succeeded without what lies outside: an image that only a registry has, a
 * remote resolver, a host on the network, another operating system.
 */
export async function notOffline(
  _engine: Engine,
  run: KubernetesObject,
  reason: string,
): Promise<string | undefined> {
  const text = JSON.stringify(run);
  if (/"kubernetes\.io\/os":"windows"|"values":\["windows"\]/.test(text)) return 'needs a Windows node';
  if (/TaskRunImagePullFailed/.test(reason)) return `needs an image from a registry: ${imageIn(reason)}`;
  if (/the resolver "(hub|bundles)"/.test(reason)) return `needs a remote resolver: ${reason.slice(0, 160)}`;
  if (
    /cannot (get|fetch) .*(git server|host of the git URL|fetch failed|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|403|tunnel|HTTP 4|HTTP 5|refused the credentials)/i.test(
      reason,
    )
  )
    return `needs the network: ${reason.slice(0, 200)}`;
  if (/git resolver needs a url|cannot get API token/.test(reason)) return reason.slice(0, 200);
  if (/not found/.test(reason) && usesResolver(run, 'cluster'))
    return `refers to an object that the file does not hold: ${reason.slice(0, 160)}`;
  return undefined;
}

const imageIn = (reason: string) => /image ([^\s"]+)/.exec(reason)?.[1] ?? reason.slice(0, 160);

function usesResolver(run: KubernetesObject, resolver: string): boolean {
  const { taskRef } = (run as TaskRun).spec ?? {};
  const { pipelineRef } = (run as PipelineRun).spec ?? {};
  return (taskRef ?? pipelineRef)?.resolver === resolver;
}
