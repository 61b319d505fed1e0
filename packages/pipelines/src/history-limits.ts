import { findCondition, type PipelineRun, parseYaml, type TaskRun } from '@tagboat/api';
import { invalid } from '@tagboat/base';

/** The ConfigMap of Tekton's pruner, beside the other settings (tektoncd/pruner docs, tutorials/getting-started.md). */
export const prunerName = 'tekton-pruner-default-spec';

/** Which finished runs of a namespace stay; what is absent limits nothing. */
export interface HistoryLimits {
  readonly ttlSecondsAfterFinished?: number;
  readonly successfulHistoryLimit?: number;
  readonly failedHistoryLimit?: number;
  /** Of the successful and of the failed ones, where those have no limit of their own. */
  readonly historyLimit?: number;
}

export interface PrunerSettings extends HistoryLimits {
  readonly namespaces: Readonly<Record<string, HistoryLimits>>;
}

const fields = [
  'ttlSecondsAfterFinished',
  'successfulHistoryLimit',
  'failedHistoryLimit',
  'historyLimit',
] as const;

/**
 * Reads the data of the pruner's ConfigMap: `global-config`, with limits for single namespaces in `namespaces`.
 * @throws `Invalid` naming the field
 */
export function parsePruner(data: Readonly<Record<string, string>> = {}): PrunerSettings {
  const text = data['global-config'];
  const document = text === undefined ? undefined : parseYaml(text, 'global-config')[0];
  const value = mapping(document?.value ?? {}, 'global-config');
  const { enforcedConfigLevel: level, namespaces = {}, ...limits } = value;
  if (level !== undefined && level !== 'global' && level !== 'namespace')
    throw invalid(`expected global or namespace in enforcedConfigLevel, found "${level}"`);
  const own = Object.entries(mapping(namespaces, 'namespaces')).map(([name, found]) => [
    name,
    limitsOf(mapping(found, `namespaces.${name}`), `namespaces.${name}`),
  ]);
  return { ...limitsOf(limits, 'global-config'), namespaces: Object.fromEntries(own) };
}

function limitsOf(value: Record<string, unknown>, where: string): HistoryLimits {
  for (const [name, number] of Object.entries(value)) {
    if (!fields.some((field) => field === name))
      throw invalid(`nothing here acts on ${where}: ${name}; expected ${fields.join(', ')}`);
    if (!Number.isInteger(number) || (number as number) < 0)
      throw invalid(
        `expected a whole number from 0 on in ${where}: ${name}, found ${JSON.stringify(number)}`,
      );
  }
  return value;
}

function mapping(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`expected a mapping in ${where}`);
  return value as Record<string, unknown>;
}

/** The limits of a namespace: its own fields, else those for all. */
export function limitsFor({ namespaces, ...all }: PrunerSettings, namespace: string): HistoryLimits {
  return { ...all, ...namespaces[namespace] };
}

/** When a finished run has been kept long enough, in milliseconds since the epoch; undefined where it never is. */
export function expiry(run: PipelineRun | TaskRun, limits: HistoryLimits): number | undefined {
  const { ttlSecondsAfterFinished: seconds } = limits;
  const end = run.status?.completionTime;
  return seconds === undefined || end === undefined ? undefined : Date.parse(end) + seconds * 1000;
}

/** The finished runs of one kind and namespace that are more than the limits allow: the oldest. Pure. */
export function beyondHistory<T extends PipelineRun | TaskRun>(
  runs: readonly T[],
  limits: HistoryLimits,
): T[] {
  const finished = runs
    .filter(({ status }) => status?.completionTime !== undefined)
    .sort((a, b) => order(b).localeCompare(order(a)));
  const { historyLimit = Number.POSITIVE_INFINITY } = limits;
  const { successfulHistoryLimit = historyLimit, failedHistoryLimit = historyLimit } = limits;
  return [
    ...finished.filter(succeeded).slice(successfulHistoryLimit),
    ...finished.filter((run) => !succeeded(run)).slice(failedHistoryLimit),
  ];
}

const succeeded = ({ status }: PipelineRun | TaskRun) =>
  findCondition(status?.conditions, 'Succeeded')?.status === 'True';

const order = ({ metadata, status }: PipelineRun | TaskRun) =>
  `${status?.completionTime} ${metadata.creationTimestamp} ${metadata.name}`;
