import type { PipelineRun } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import type { Found } from './resolve.ts';
import { gitAuthSecret } from './variables.ts';

/** Keys below which a run could get at what belongs to the project. */
const refused: Readonly<Record<string, string>> = {
  secret: 'a Secret',
  secretName: 'a Secret',
  secretKeyRef: 'a Secret',
  secretRef: 'a Secret',
  imagePullSecrets: 'a Secret',
  projected: 'a projected volume',
  hostPath: 'a directory of the host',
  persistentVolumeClaim: 'a volume of the project',
  configMapKeyRef: 'a ConfigMap',
  configMapRef: 'a ConfigMap',
  configMap: 'a ConfigMap',
  csi: 'a CSI volume',
  serviceAccountName: 'a ServiceAccount',
  resolver: 'a resolver',
  hostNetwork: "the host's network",
  hostPID: "the host's processes",
  privileged: 'a privileged container',
};

/**
 * Refuses a run of an outside contributor's code that asks for anything of the project's: it may hold only what is
 * in its own files. @throws `Invalid` that names what and where
 */
export function refuseSecrets(spec: NonNullable<PipelineRun['spec']>, run: Found<PipelineRun>): void {
  const { labels, annotations } = run.object.metadata;
  const found = search(spec, ['spec']) ?? search({ labels, annotations }, ['metadata']);
  if (found)
    throw invalid(
      `code from outside the project may not use ${refused[String(found.at(-1))] ?? 'labels of the platform'} (${found.join('.')})`,
      {
        location: run.locate(found),
        hint: 'a member of the project can push the change to a branch of this repository',
      },
    );
  const references = (spec.pipelineSpec?.tasks ?? []).concat(spec.pipelineSpec?.finally ?? []);
  const named = references.find(({ taskRef, pipelineRef }) => taskRef?.name ?? pipelineRef?.name);
  if (named || spec.pipelineRef)
    throw invalid(
      `code from outside the project may only use tasks of its own files${named ? ` (task ${named.name})` : ''}`,
      {
        location: run.locate(['spec']),
      },
    );
}

function search(value: unknown, path: (string | number)[]): (string | number)[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, item] of Object.entries(value)) {
    const here = [...path, Array.isArray(value) ? Number(key) : key];
    if (key.startsWith('tagboat.dev/')) return here;
    if (key === 'secret' && (item as { secretName?: string } | null)?.secretName === gitAuthSecret) continue;
    if (!Array.isArray(value) && key in refused && item !== undefined && item !== false && item !== null)
      return here;
    const found = search(item, here);
    if (found) return found;
  }
  return undefined;
}
