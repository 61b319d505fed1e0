import { kinds, type PipelineRun } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import {
  matchesRun,
  newerRun,
  newestPerModel,
  type RunFilter,
  type RunSummary,
  summariseRun,
} from '@tagboat/render';
import type { Reader } from '@tagboat/store';

export interface RunPage {
  readonly items: readonly RunSummary[];
  /** Of all that match, not of this page. */
  readonly total: number;
  /** Of all that match the filter without its state. */
  readonly states: Readonly<Record<string, number>>;
  /** To be given as `after` for the next page; absent on the last one. */
  readonly next?: string;
  /** A watch from here on tells what changes after this answer. */
  readonly resourceVersion: string;
}

export type RunQuery = Readonly<Record<string, string | undefined>>;

const filters = ['project', 'repository', 'model', 'kind', 'state', 'tag', 'commit', 'by', 'text'] as const;
const largestPage = 500;

/** Runs newest first, narrowed by `RunFilter`'s fields; `limit` and `after` page, `per: model` gives the newest of each model and kind. @throws `Invalid` */
export async function listRuns(reader: Reader, query: RunQuery): Promise<RunPage> {
  const limit = Number(query.limit ?? 50);
  if (!Number.isInteger(limit) || limit < 1 || limit > largestPage)
    throw invalid(`expected a limit from 1 to ${largestPage}, found "${query.limit}"`);
  const filter = Object.fromEntries(
    filters.flatMap((name) => (query[name] ? [[name, query[name]]] : [])),
  ) as RunFilter;
  const { items, resourceVersion } = await reader.list<PipelineRun>(
    kinds.PipelineRun,
    filter.project ? { namespace: filter.project } : {},
  );
  const { state, ...rest } = filter;
  const all = items.map(summariseRun).filter((run) => matchesRun(run, rest));
  const matching = all.filter((run) => !state || run.state === state).sort(newerRun);
  const found = query.per === 'model' ? newestPerModel(matching) : matching;
  const from = query.after ? found.findIndex(({ uid }) => uid === query.after) + 1 : 0;
  const page = found.slice(from, from + limit);
  return {
    items: page,
    total: found.length,
    states: counted(all),
    ...(from + limit < found.length ? { next: page.at(-1)!.uid } : {}),
    resourceVersion,
  };
}

function counted(runs: readonly RunSummary[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { state } of runs) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
