import type { KubernetesObject } from '@tagboat/api';
import type { Flags } from './feature-flags.ts';
import { openFlags } from './feature-flags.ts';
import type { Path, Problems } from './problems.ts';

const stability = ['stable', 'beta', 'alpha'];

/** Fields that a cluster takes only where `enable-api-fields` is open enough, and what its webhook calls them. */
const gated: Readonly<Record<string, { name: string; needs: 'beta' | 'alpha' }>> = {
  stdoutConfig: { name: 'step stdout stream support', needs: 'alpha' },
  stderrConfig: { name: 'step stderr stream support', needs: 'alpha' },
  debug: { name: 'debug', needs: 'alpha' },
  matrix: { name: 'matrix', needs: 'beta' },
  stepSpecs: { name: 'stepSpecs', needs: 'beta' },
  sidecarSpecs: { name: 'sidecarSpecs', needs: 'beta' },
};
const inTask: Readonly<Record<string, { name: string; needs: 'beta' | 'alpha' }>> = {
  pipelineRef: { name: 'pipelineRef', needs: 'alpha' },
  pipelineSpec: { name: 'pipelineSpec', needs: 'alpha' },
  onError: { name: 'OnError', needs: 'beta' },
};
const artifacts = /\$\((?:step\.)?artifacts\.path\)|\$\((?:tasks|steps)\.[\w-]+\.(?:outputs|inputs)\b/;

/** What the ConfigMap `feature-flags` closes, and an object uses. */
export function validateGates(problems: Problems, object: KubernetesObject, flags: Flags = openFlags): void {
  if (flags === openFlags) return;
  inlineSpecs(problems, object, flags);
  visit(object.spec, ['spec']);

  function visit(value: unknown, path: Path): void {
    if (typeof value === 'string' && flags.off.has('artifacts') && artifacts.test(value))
      problems.add(path, 'feature flag enable-artifacts should be set to true to use artifacts feature.');
    if (value === null || typeof value !== 'object') return;
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) visit(item, [...path, index]);
      return;
    }
    for (const [key, item] of Object.entries(value)) {
      closed(key, item, path);
      visit(item, [...path, key]);
    }
  }

  function closed(key: string, item: unknown, path: Path): void {
    const isTask = ['tasks', 'finally'].includes(String(path.at(-2)));
    const gate = (isTask ? inTask[key] : undefined) ?? gated[key];
    if (gate && stability.indexOf(flags.fields) < stability.indexOf(gate.needs)) {
      const wanted = gate.needs === 'beta' ? '"alpha" or "beta"' : '"alpha"';
      problems.add(
        [...path, key],
        `${gate.name} requires "enable-api-fields" feature gate to be ${wanted} but it is "${flags.fields}"`,
      );
    }
    if (key === 'cel' && flags.off.has('cel') && path.includes('when'))
      problems.add(
        path,
        `feature flag enable-cel-in-whenexpression should be set to true to use CEL: ${String(item)} in WhenExpression`,
      );
    if (key === 'enum' && flags.off.has('enum') && path.includes('params') && Array.isArray(item))
      problems.add(path, 'feature flag `enable-param-enum` should be set to true to use Enum');
  }
}

function inlineSpecs(problems: Problems, { kind, spec }: KubernetesObject, { noInlineSpec }: Flags): void {
  const { taskSpec, pipelineSpec, tasks, finally: finals } = (spec ?? {}) as Record<string, unknown>;
  const refuse = (path: Path) => problems.add(path, 'must not set the field(s)');
  if (kind === 'TaskRun' && taskSpec && noInlineSpec.has('taskrun')) refuse(['spec', 'taskSpec']);
  if (kind === 'PipelineRun' && pipelineSpec && noInlineSpec.has('pipelinerun'))
    refuse(['spec', 'pipelineSpec']);
  if (kind !== 'Pipeline' || !noInlineSpec.has('pipeline')) return;
  for (const [list, items] of Object.entries({ tasks, finally: finals }))
    for (const [index, task] of (Array.isArray(items) ? items : []).entries())
      for (const field of ['taskSpec', 'pipelineSpec'])
        if ((task as Record<string, unknown> | null)?.[field]) refuse(['spec', list, index, field]);
}
