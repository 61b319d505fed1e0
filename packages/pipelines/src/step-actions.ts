import {
  type Param,
  type ParamValue,
  type Provenance,
  type Step,
  type StepAction,
  type StepActionSpec,
  type TaskSpec,
  typeOfParam,
} from '@tagboat/api';
import { decodeStepAction } from './decode.ts';
import type { ResolveRequest } from './resolver-tools.ts';
import { resolveReference } from './resolvers.ts';
import { refused } from './run-checks.ts';
import { type Lookup, lookupIn, paramVariables, substitute, substituteValue } from './substitute.ts';

export interface ResolvedSteps {
  readonly spec: TaskSpec;
  /** By step name: where a StepAction of a remote resolver came from. */
  readonly sources: ReadonlyMap<string, Provenance['refSource']>;
}

/**
 * A task with every step that refers to a StepAction replaced by what the action says (Tekton docs, stepactions.md).
 * @param variables the task's own params and context, which the params of a step may use
 */
export async function resolveStepActions(
  request: Omit<ResolveRequest, 'kind'>,
  spec: TaskSpec,
  variables: Lookup,
): Promise<ResolvedSteps> {
  const sources = new Map<string, Provenance['refSource']>();
  if (!spec.steps.some(({ ref }) => ref)) return { spec, sources };
  const steps = await Promise.all(
    spec.steps.map(async (step, index) => {
      if (!step.ref) return step;
      const reference = substitute(step.ref, variables);
      const { object, source } = await resolveReference<StepAction>(
        { ...request, kind: 'StepAction' },
        reference,
      );
      if (source) sources.set(step.name || `unnamed-${index}`, source);
      const action = decodeStepAction(object.spec!);
      return mergeAction(step, action, { name: object.metadata.name, variables });
    }),
  );
  return { spec: { ...spec, steps }, sources };
}

function mergeAction(
  step: Step,
  action: StepActionSpec,
  { name, variables }: { name: string; variables: Lookup },
): Step {
  const params = actionParams(step, action, { name, variables });
  const { description: _d, params: _p, ...body } = action;
  const { ref: _ref, params: _params, ...own } = step;
  const forwarded = forwardStepResults(body, params);
  return { ...substitute(forwarded, lookupIn(params)), ...own } as Step;
}

function actionParams(
  step: Step,
  action: StepActionSpec,
  { name, variables }: { name: string; variables: Lookup },
): Map<string, ParamValue> {
  const declared = action.params ?? [];
  const given = (step.params ?? []).map(
    (param): Param => ({ name: param.name, value: substituteValue(param.value, variables) }),
  );
  const unknown = given.find((param) => !declared.some((spec) => spec.name === param.name));
  if (unknown)
    throw refused(
      'TaskRunValidationFailed',
      `step "${step.name ?? ''}" gives the param "${unknown.name}", which StepAction "${name}" does not declare`,
    );
  const usable = given.filter(({ name: param, value }) => {
    const spec = declared.find((candidate) => candidate.name === param)!;
    return typeOfParam(value) === (spec.type ?? 'string') || stepResult.test(String(value));
  });
  const there = new Set(usable.map((param) => param.name));
  const missing = declared.find((spec) => spec.default === undefined && !there.has(spec.name));
  if (missing)
    throw refused(
      'TaskRunValidationFailed',
      `missing values for these params which have no default values: [${missing.name}] of StepAction "${name}"`,
    );
  return paramVariables(declared, usable);
}

const stepResult = /^\$\(steps\.([\w-]+)\.results\.([\w-]+)(?:\[\*\])?\)$/;

/**
 * A param whose value is a result of an earlier step is known only when that step has run: what uses the param is made
 * to use the result, index and key included.
 */
function forwardStepResults<T>(body: T, params: ReadonlyMap<string, ParamValue>): T {
  const results = new Map<string, string>();
  for (const [name, value] of params) {
    const match = typeof value === 'string' ? stepResult.exec(value) : null;
    if (match) results.set(name.slice('params.'.length), `steps.${match[1]}.results.${match[2]}`);
  }
  if (results.size === 0) return body;
  const forward = (value: unknown): unknown => {
    if (typeof value === 'string')
      return value.replace(
        /\$\(params\.([\w-]+)(\.[\w-]+)?(\[(?:\*|\d+)\])?\)/g,
        (whole, name: string, key = '', index = '') => {
          const result = results.get(name);
          return result ? `$(${result}${key}${index})` : whole;
        },
      );
    if (Array.isArray(value)) return value.map(forward);
    if (value !== null && typeof value === 'object')
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, forward(item)]));
    return value;
  };
  return forward(body) as T;
}
