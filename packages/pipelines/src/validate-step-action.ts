import type { ParamSpec, Step, StepAction } from '@tagboat/api';
import type { Problem, Problems } from './problems.ts';
import { findReferences } from './substitute.ts';
import { validateParamSpecs, validateParamUse } from './validate-params.ts';

const typed = (param: ParamSpec): ParamSpec => ({
  ...param,
  type: param.type ?? (param.properties ? 'object' : Array.isArray(param.default) ? 'array' : 'string'),
});

/** What Tekton's admission refuses of a StepAction. */
export function validateStepAction(problems: Problems, action: StepAction): void {
  const spec = action.spec!;
  if (!spec.image) problems.missing(['spec', 'image']);
  if (spec.script && spec.command?.length)
    problems.add(['spec', 'script'], 'script cannot be used with command');
  const params = (spec.params ?? []).map(typed);
  problems.below(['spec'], validateParamSpecs(params));
  const uses = validateParamUse([spec as Step], params).map(seenFromSpec);
  problems.below(['spec'], uses);
  if (findReferences(spec.script).some(({ name }) => name.startsWith('params.')))
    problems.add(['spec', 'script'], 'param substitution in scripts is not allowed.');
  validateResultsUsed(problems, spec);
  for (const [index, { name }] of (spec.volumeMounts ?? []).entries())
    if (!/^\$\(params\.[^()]+\)$/.test(name))
      problems.invalid(
        ['spec', 'volumeMounts', index, 'name'],
        name,
        'expect the Name to be a single param reference',
      );
}

/** The paths of a step's problems begin with the list that it stands in. */
const seenFromSpec = (problem: Problem): Problem => ({ ...problem, path: problem.path.slice(2) });

function validateResultsUsed(problems: Problems, { script, results }: NonNullable<StepAction['spec']>): void {
  const names = new Set((results ?? []).map(({ name }) => name));
  for (const { name, text } of findReferences(script)) {
    const result = /^(?:step\.)?results\.([\w-]+)\.path$/.exec(name)?.[1];
    if (result !== undefined && !names.has(result))
      problems.add(['spec', 'script'], `non-existent variable in "${text}"`);
  }
}
