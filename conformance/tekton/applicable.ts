import { type KubernetesObject, kinds, type PipelineRun, type TaskRun } from '@tagboat/api';
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
  engine: Engine,
  { run, reason, source }: { run: KubernetesObject; reason: string; source: string },
): Promise<string | undefined> {
  const text = JSON.stringify(run);
  if (/"kubernetes\.io\/os":"windows"|"values":\["windows"\]/.test(text)) return 'needs a Windows node';
  if (/TaskRunImagePullFailed/.test(reason)) return `needs an image from a registry: ${imageIn(reason)}`;
  if (
    /cannot (get|fetch) .*(git server|host of the git URL|fetch failed|cannot reach|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|403|tunnel|HTTP 4|HTTP 5|refused the credentials)/i.test(
      reason,
    )
  )
    return `needs the network: ${reason.slice(0, 200)}`;
  const output = await outputOf(engine, run);
  const unknown = /^.*could not resolve host.*$/im.exec(output)?.[0];
  if (unknown) return `a step needs the network: ${unknown}`;
  const shell = shellVariableInResult(source, reason);
  if (shell) return shell;
  const missing = await sidecarWithoutProgram(engine, run);
  if (missing) return missing;
  if (/is of kind (gitRepo|csi)\b/.test(reason)) return `needs a kind of volume of a cluster: ${reason}`;
  if (/git resolver needs a url|cannot get API token/.test(reason)) return reason.slice(0, 200);
  if (/not found/.test(reason) && usesResolver(run, 'cluster'))
    return `refers to an object that the file does not hold: ${reason.slice(0, 160)}`;
  return undefined;
}

/** Why a file that admission refuses runs on no cluster of today either: it needs what Tekton has taken out. */
export function takenOut(message: string, source: string): string | undefined {
  if (/^must not set the field.*(resources|bundle)$/.test(message))
    return `uses ${/(\w+)$/.exec(message)![1]}, which Tekton has taken out: ${message}`;
  if (/^unknown field "task(ServiceAccountName|PodTemplate)"/.test(message))
    return `says v1 with a field of v1beta1, which no release of Tekton takes: ${message}`;
  if (/kind: ClusterTask\b/.test(source) && /must specify apiVersion/.test(message))
    return 'uses a ClusterTask, which Tekton has taken out';
  return shellVariableInResult(source, message);
}

/** Tekton replaces `$(results.a.path)`, never `$(results.a-${i}.path)`: such a script writes no result on any cluster. */
function shellVariableInResult(source: string, reason: string): string | undefined {
  const used = /\$\(results\.[^()]*\$\{?\w+\}?[^()]*\.path\)/.exec(source)?.[0];
  return used && /did not emit the result|non-existent variable/.test(reason)
    ? `cannot succeed on a cluster either: its script writes to ${used}, which is no variable of Tekton`
    : undefined;
}

const imageIn = (reason: string) => /image ([^\s"]+)/.exec(reason)?.[1] ?? reason.slice(0, 160);

function usesResolver(run: KubernetesObject, resolver: string): boolean {
  const { taskRef } = (run as TaskRun).spec ?? {};
  const { pipelineRef } = (run as PipelineRun).spec ?? {};
  return (taskRef ?? pipelineRef)?.resolver === resolver;
}

/** What the steps and sidecars of a run that failed wrote. */
async function outputOf(engine: Engine, run: KubernetesObject): Promise<string> {
  const texts: string[] = [];
  for (const { metadata, status } of await failedTasks(engine, run))
    for (const { container } of [...(status?.steps ?? []), ...(status?.sidecars ?? [])])
      texts.push(
        await logOf(engine, { namespace: metadata.namespace ?? '', pod: status?.podName, container }),
      );
  return texts.join('');
}

async function logOf(
  engine: Engine,
  { namespace, pod, container }: { namespace: string; pod?: string | undefined; container: string },
): Promise<string> {
  if (!pod) return '';
  try {
    const pieces = engine.node.access.logs({ namespace, pod, container, follow: false });
    let text = '';
    for await (const piece of pieces) text += piece;
    return text;
  } catch {
    return '';
  }
}

async function failedTasks(engine: Engine, run: KubernetesObject): Promise<TaskRun[]> {
  if (run.kind === 'TaskRun') return [run as TaskRun];
  const names = ((run as PipelineRun).status?.childReferences ?? []).map(({ name }) => name);
  const namespace = run.metadata.namespace ?? '';
  const children = await Promise.all(
    names.map((name) => engine.store.get<TaskRun>({ type: kinds.TaskRun, namespace, name })),
  );
  return children.filter((child) => child?.status?.conditions?.[0]?.status === 'False') as TaskRun[];
}

/** A sidecar that a step needs has a program in its image that no toolbox has. */
async function sidecarWithoutProgram(engine: Engine, run: KubernetesObject): Promise<string | undefined> {
  for (const { metadata, status } of await failedTasks(engine, run))
    for (const { name, container } of status?.sidecars ?? []) {
      const log = await logOf(engine, {
        namespace: metadata.namespace ?? '',
        pod: status?.podName,
        container,
      });
      // A toolbox is the host's programs: an image's own settings of a server are not among them.
      const line = /^.*(?:: not found|\/etc\/ssh\/\S+: No such file or directory)$/m.exec(log)?.[0];
      if (line) return `needs what only the image of sidecar ${name} holds: ${line}`;
    }
  return undefined;
}
