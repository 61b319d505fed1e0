import type { TaskRun } from '@tagboat/api';

export interface Metric {
  readonly name: string;
  readonly value: number | null;
  /** The same metric of what is deployed, or of the run compared with. */
  readonly before?: number | null;
}

export interface Artifact {
  readonly what: string;
  readonly digest: string;
  /** Repository in the registry. */
  readonly repository?: string;
}

/** What a run came to, sorted by what it means. */
export interface RunOutcome {
  readonly verdict?: string;
  readonly metrics: readonly Metric[];
  readonly artifacts: readonly Artifact[];
  readonly others: readonly { readonly name: string; readonly value: string }[];
}

/** `<task>-<result>` of every task that has results, whether or not the run has ended. */
export function resultsByTask(taskRuns: readonly TaskRun[]): Map<string, string> {
  return new Map(
    taskRuns.flatMap(({ metadata, status }) =>
      (status?.results ?? []).map(({ name, value }) => [
        `${metadata.labels?.['tekton.dev/pipelineTask']}-${name}`,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    ),
  );
}

const known = new Set(['evaluate-metrics', 'evaluate-deployed-metrics', 'evaluate-verdict']);
const digest = /^(?:[\w.:/-]+@)?(sha256:[0-9a-f]{64})$/;

export function outcomeOf(
  results: ReadonlyMap<string, string>,
  about: { project: string; model: string | undefined },
): RunOutcome {
  const verdict = results.get('evaluate-verdict');
  const rest = [...results].filter(([name, value]) => !known.has(name) && value !== '');
  const root = about.model && `${about.project}/${about.model}`;
  return {
    ...(verdict ? { verdict } : {}),
    metrics: compareMetrics(
      numbers(results.get('evaluate-metrics')),
      numbers(results.get('evaluate-deployed-metrics')),
    ),
    artifacts: rest.flatMap(([name, value]) => artifactOf(name, value, root)),
    others: rest.filter(([, value]) => !digest.test(value)).map(([name, value]) => ({ name, value })),
  };
}

const repositories: Readonly<Record<string, string>> = {
  'train-model-digest': '/model',
  'train-notebook': '/notebooks',
  'build-image-digest': '',
};
const titles: Readonly<Record<string, string>> = {
  'train-model-digest': 'Model',
  'train-notebook': 'Executed notebook',
  'build-image-digest': 'Image',
};

function artifactOf(name: string, value: string, root: string | undefined): Artifact[] {
  const found = digest.exec(value)?.[1];
  // The image's full reference says the same as its digest.
  if (!found || name === 'build-image') return [];
  const suffix = repositories[name];
  return [
    {
      what: titles[name] ?? name,
      digest: found,
      ...(root && suffix !== undefined ? { repository: `${root}${suffix}` } : {}),
    },
  ];
}

export function numbers(text: string | undefined): Map<string, number | null> {
  try {
    const value = JSON.parse(text || '{}') as Record<string, number | null>;
    return new Map(Object.entries(value));
  } catch {
    return new Map();
  }
}

export function compareMetrics(
  now: ReadonlyMap<string, number | null>,
  before: ReadonlyMap<string, number | null>,
): Metric[] {
  return [...now].map(([name, value]) => ({
    name,
    value,
    ...(before.has(name) ? { before: before.get(name)! } : {}),
  }));
}
