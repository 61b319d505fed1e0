import type {
  KubernetesObject,
  Pipeline,
  PipelineRun,
  SourceDocument,
  StepAction,
  Task,
  TaskRun,
} from '@tagboat/api';
import { canonicalJson, invalid, type TagboatError } from '@tagboat/base';
import { settingsDenial } from './config-defaults.ts';
import { decodePipelineRunSpec, decodePipelineSpec, decodeTaskRunSpec, decodeTaskSpec } from './decode.ts';
import { type Limits, type Problem, Problems } from './problems.ts';
import { shapeProblems } from './shape-problems.ts';
import { validateGates } from './validate-gates.ts';
import { validatePipelineSpec, validatePipelineUse } from './validate-pipeline.ts';
import { validatePipelineRun, validateTaskRun } from './validate-runs.ts';
import { validateStepAction } from './validate-step-action.ts';
import { validateTaskSpec } from './validate-task.ts';

/** What Tekton's admission refuses of an object of `tekton.dev`; nothing for other kinds. Paths start at the object's root. */
export function validateTekton(object: KubernetesObject, limits?: Limits): Problem[] {
  if (!object.apiVersion?.startsWith('tekton.dev/')) return [];
  const problems = new Problems(limits);
  validateName(problems, object);
  if (object.spec === undefined || object.spec === null || typeof object.spec !== 'object') {
    problems.missing(['spec']);
    return problems.found;
  }
  const shape = shapeProblems(object.kind, object.spec, object.apiVersion.split('/')[1]);
  problems.below(['spec'], shape);
  if (shape.length > 0) return problems.found;
  validateGates(problems, object, limits?.flags);
  switch (object.kind) {
    case 'Task':
      problems.below(['spec'], validateTaskSpec(decodeTaskSpec((object as Task).spec!), []));
      break;
    case 'Pipeline': {
      const spec = decodePipelineSpec((object as Pipeline).spec!);
      const found = validatePipelineSpec(spec, limits);
      problems.below(['spec'], found);
      if (found.length === 0) problems.below(['spec'], validatePipelineUse(spec, undefined));
      break;
    }
    case 'TaskRun':
      validateTaskRun(problems, object as TaskRun);
      break;
    case 'PipelineRun':
      validatePipelineRun(problems, object as PipelineRun);
      break;
    case 'StepAction':
      validateStepAction(problems, object as StepAction);
      break;
    default:
      break;
  }
  return problems.found;
}

/** Names become labels of what is made for them (Tekton's `ObjectMetadata`). */
function validateName(problems: Problems, { metadata }: KubernetesObject): void {
  const name = metadata?.name;
  if (!name) return;
  const path = ['metadata', 'name'];
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name))
    problems.add(path, `invalid resource name "${name}": must be a valid DNS label`);
  else if (name.length > 63)
    problems.add(path, 'Invalid resource name: length must be no more than 63 characters');
}

/** The first problem as an error that says where it stands in the text it came from, if the text is at hand. */
export function problemError(
  object: KubernetesObject,
  problem: Problem,
  document?: Pick<SourceDocument, 'locate' | 'locateKey'>,
): TagboatError {
  const name = object.metadata?.name ?? `${object.metadata?.generateName ?? ''}*`;
  return invalid(`${object.kind} ${name}: ${problem.message}: ${problem.field}`, {
    ...(document ? { location: placeOf(problem, document) } : {}),
  });
}

/** A field that nobody knows is wrong itself, not its value. */
const placeOf = ({ message, path }: Problem, document: Pick<SourceDocument, 'locate' | 'locateKey'>) =>
  message.startsWith('unknown field') ? document.locateKey(path) : document.locate(path);

const webhook =
  'admission webhook "validation.webhook.pipeline.tekton.dev" denied the request: validation failed: ';

/** What Tekton's validating webhook answers where it denies a write; undefined where it allows it. */
export function tektonDenial(
  object: KubernetesObject,
  before?: KubernetesObject,
  limits?: Limits,
): string | undefined {
  const settings = settingsDenial(object);
  if (settings) return settings;
  if (!object.apiVersion?.startsWith('tekton.dev/')) return undefined;
  const update = before && updateProblem(object, before);
  if (update) return `${webhook}${update}`;
  // What is stored already was let in before: labels and status of it may change.
  if (before && canonicalJson(before.spec) === canonicalJson(object.spec)) return undefined;
  const problems = validateTekton(object, limits);
  return problems.length > 0
    ? `${webhook}${problems.map(({ message, field }) => `${message}: ${field}`).join('\n')}`
    : undefined;
}

/** A run that has started changes in nothing but how it is to be stopped. */
function updateProblem(object: KubernetesObject, before: KubernetesObject): string | undefined {
  if (object.kind !== 'PipelineRun' && object.kind !== 'TaskRun') return undefined;
  const status = (before as PipelineRun).status;
  const managedBy = (run: KubernetesObject) => (run.spec as { managedBy?: string } | undefined)?.managedBy;
  if (managedBy(object) !== managedBy(before)) return 'invalid value: managedBy is immutable: spec.managedBy';
  const same = (ignored: readonly string[]) => {
    // Clients of two versions call the same things by other names.
    const rest = (run: KubernetesObject) => {
      const spec = run.kind === 'TaskRun' ? decodeTaskRunSpec(run.spec!) : decodePipelineRunSpec(run.spec!);
      return canonicalJson(
        Object.fromEntries(Object.entries(spec).filter(([key]) => !ignored.includes(key))),
      );
    };
    return rest(object) === rest(before);
  };
  if (status?.completionTime)
    return same([])
      ? undefined
      : `invalid value: Once the ${object.kind} is complete, no updates are allowed: spec`;
  const only = object.kind === 'TaskRun' ? 'status and statusMessage' : 'status';
  return same(['status', 'statusMessage'])
    ? undefined
    : `invalid value: Once the ${object.kind} has started, only ${only} updates are allowed: spec`;
}
