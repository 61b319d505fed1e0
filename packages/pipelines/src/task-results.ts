import type {
  Artifact,
  Artifacts,
  ContainerStatus,
  ParamValue,
  RunResult,
  Step,
  StepState,
  TaskResult,
  TaskSpec,
} from '@tagboat/api';
import { stepContainerName } from './task-variables.ts';

/** The entries of a container's termination message; none where a step wrote something else there. */
export function termination(status: ContainerStatus | undefined): RunResult[] {
  const message = status?.state?.terminated?.message;
  if (!message?.startsWith('[')) return [];
  try {
    return JSON.parse(message) as RunResult[];
  } catch {
    // A step can write anything to its termination message; what is no list of results is text for people.
    return [];
  }
}

/** The results and artifacts of one step. */
export function stepResultsOf(
  step: Step,
  status: ContainerStatus,
): Pick<StepState, 'results' | 'inputs' | 'outputs'> {
  const entries = termination(status);
  const types = new Map((step.results ?? []).map(({ name, type }) => [name, type ?? 'string']));
  const results = entries
    .filter(({ type }) => type === 4)
    .map(({ key, value }) => resultOf(key, value, types.get(key) ?? 'string'));
  const { inputs, outputs } = readArtifacts(entries.find(({ type }) => type === 5)?.value);
  return {
    ...(results.length > 0 ? { results } : {}),
    ...(inputs ? { inputs } : {}),
    ...(outputs ? { outputs } : {}),
  };
}

/** The task's results: what its files hold, and what it takes from results of its steps. */
export function collectResults(spec: TaskSpec, statuses: ReadonlyMap<string, ContainerStatus>): TaskResult[] {
  const values = new Map<string, string>();
  const ofSteps = new Map<string, string>();
  for (const [index, step] of spec.steps.entries()) {
    const container = stepContainerName(step, index);
    for (const { key, value, type } of termination(statuses.get(container))) {
      if (type === 1) values.set(key, value);
      if (type === 4) ofSteps.set(`${step.name || container}/${key}`, value);
    }
  }
  return (spec.results ?? []).flatMap(({ name, type = 'string', value: source }) => {
    const match = /^\$\(steps\.([\w-]+)\.results\.([\w-]+)(?:\[\*\])?\)$/.exec(String(source ?? ''));
    const text = match ? ofSteps.get(`${match[1]}/${match[2]}`) : values.get(name);
    return text === undefined ? [] : [resultOf(name, text, type)];
  });
}

function resultOf(name: string, text: string, type: 'string' | 'array' | 'object'): TaskResult {
  return { name, type, value: decode(text, type) };
}

function decode(text: string, type: string): ParamValue {
  if (type === 'string') return text;
  try {
    const value = JSON.parse(text) as unknown;
    if (Array.isArray(value) && type === 'array') return value.map(asText);
    if (value !== null && typeof value === 'object' && !Array.isArray(value) && type === 'object')
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asText(item)]));
    return text;
  } catch {
    // `resultTypeProblem` says what is wrong with it.
    return text;
  }
}

const asText = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

/** What is wrong with the results a task gave, in Tekton's words; undefined where all is well. */
export function resultTypeProblem(spec: TaskSpec, results: readonly TaskResult[]): string | undefined {
  const given = new Map(results.map(({ name, value }) => [name, value]));
  const mistyped = (spec.results ?? []).flatMap(({ name, type = 'string' }) => {
    const value = given.get(name);
    if (value === undefined) return [];
    const found = Array.isArray(value) ? 'array' : typeof value;
    return found === type
      ? []
      : [
          ` "${name}": task result is expected to be "${type}" type but was initialized to a different type "${found}"`,
        ];
  });
  if (mistyped.length > 0)
    return `[User error] Provided results don't match declared results; may be invalid JSON or missing result declaration: ${mistyped.sort().join(',')}`;
  const keys = (spec.results ?? []).flatMap(({ name, type, properties }) => {
    const value = given.get(name);
    if (type !== 'object' || !properties || typeof value !== 'object') return [];
    const missing = Object.keys(properties).filter((key) => !(key in value));
    return missing.length > 0 ? [`${name}:[${missing.join(' ')}]`] : [];
  });
  return keys.length > 0
    ? `[User error] missing keys for these results which are required in TaskResult's properties map[${keys.join(' ')}]`
    : undefined;
}

/** Artifacts of the task: those it wrote itself, and those that its steps marked as its outputs. */
export function artifactsOf(spec: TaskSpec, statuses: ReadonlyMap<string, ContainerStatus>): Artifacts {
  const merged: { inputs: Artifact[]; outputs: Artifact[] } = { inputs: [], outputs: [] };
  for (const [index, step] of spec.steps.entries()) {
    const entries = termination(statuses.get(stepContainerName(step, index)));
    for (const { type, value } of entries) {
      if (type !== 5 && type !== 6) continue;
      const { inputs = [], outputs = [] } = readArtifacts(value);
      merge(merged.inputs, inputs);
      merge(merged.outputs, outputs);
    }
  }
  return {
    ...(merged.inputs.length > 0 ? { inputs: merged.inputs } : {}),
    ...(merged.outputs.length > 0 ? { outputs: merged.outputs } : {}),
  };
}

function merge(into: Artifact[], more: readonly Artifact[]): void {
  for (const artifact of more) {
    const before = into.findIndex(({ name }) => name === artifact.name);
    if (before < 0) into.push(artifact);
    else into[before] = { ...into[before], ...artifact };
  }
}

function readArtifacts(text: string | undefined): Artifacts {
  if (!text) return {};
  try {
    const { inputs, outputs } = JSON.parse(text) as Artifacts;
    return { ...(Array.isArray(inputs) ? { inputs } : {}), ...(Array.isArray(outputs) ? { outputs } : {}) };
  } catch {
    // The node refuses artifacts that are not JSON when the step ends.
    return {};
  }
}
