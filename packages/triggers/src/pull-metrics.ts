import { type Experiment, kinds, type PullRequestMetric } from '@tagboat/api';
import { mergeBase } from '@tagboat/git-client';
import type { Reader } from '@tagboat/store';

/** Experiments that are looked through for one that belongs to the target branch, newest first. */
const looked = 50;

/** A model's metrics as a run measured them, each beside that of the newest trained commit of the target branch. */
export async function compareMetrics(
  reader: Reader,
  about: {
    project: string;
    model: string;
    /** The metrics of the run, as JSON. */
    text: string;
    /** The head of the target branch. */
    base: string | undefined;
    mirror: string | undefined;
  },
): Promise<PullRequestMetric[]> {
  const { project, model, text, base, mirror } = about;
  const metrics = parse(text);
  if (Object.keys(metrics).length === 0) return [];
  const target = base && mirror ? await newestOf(reader, { project, model, base, mirror }) : undefined;
  return Object.entries(metrics).map(([metric, value]) => ({
    model,
    metric,
    value,
    ...(target && metric in target.metrics
      ? { target: target.metrics[metric] ?? null, targetCommit: target.commit }
      : {}),
  }));
}

async function newestOf(
  reader: Reader,
  { project, model, base, mirror }: { project: string; model: string; base: string; mirror: string },
): Promise<Experiment['spec']> {
  const { items } = await reader.list<Experiment>(kinds.Experiment, {
    namespace: project,
    labels: [{ key: 'tagboat.dev/model', operator: 'In', values: [model] }],
  });
  const newest = [...items]
    .sort((a, b) => (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''))
    .slice(0, looked);
  for (const { spec } of newest)
    if (spec?.commit && (await mergeBase(mirror, spec.commit, base)) === spec.commit) return spec;
  return undefined;
}

function parse(text: string): Record<string, number | null> {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
    return Object.fromEntries(
      Object.entries(value).filter(([, item]) => typeof item === 'number' || item === null),
    );
  } catch {
    return {};
  }
}

/** `noise_ratio 0.0039 (main 0.0041)`, for a line beside a commit. */
export function metricsText(metrics: readonly PullRequestMetric[], branch: string): string {
  const number = (value: number | null | undefined) =>
    value === null || value === undefined ? 'none' : String(Number(value.toPrecision(4)));
  return metrics
    .map(
      ({ metric, value, target }) =>
        `${metric} ${number(value)}${target === undefined ? '' : ` (${branch} ${number(target)})`}`,
    )
    .join(', ');
}
