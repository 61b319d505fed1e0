import {
  matchesRun,
  newerRun,
  newestPerModel,
  type RunFilter,
  type RunSummary,
} from '@tagboat/render/run-summary';

/** One page of `/tagboat/runs`. */
export interface RunPage {
  readonly items: readonly RunSummary[];
  readonly total: number;
  readonly states: Readonly<Record<string, number>>;
  readonly next?: string;
  readonly resourceVersion: string;
}

export interface RunChange {
  readonly revision: number;
  readonly object: RunSummary;
  readonly deleted: boolean;
}

/** What a list shows of its pages and changes. */
export interface MergedRuns {
  readonly runs: readonly RunSummary[];
  readonly total: number;
  readonly states: Readonly<Record<string, number>>;
}

/** The loaded pages with everything that changed after each was read. */
export function withChanges(
  pages: readonly RunPage[],
  changed: ReadonlyMap<string, RunChange>,
  { filter, perModel }: { filter: RunFilter; perModel: boolean },
): MergedRuns {
  const runs = new Map<string, RunSummary>();
  for (const page of pages) for (const run of page.items) runs.set(run.uid, run);
  const first = pages[0]!;
  let total = first.total;
  const states = { ...first.states };
  const newest = Number(first.resourceVersion);
  const { state: _, ...anyState } = filter;
  for (const { object, deleted, revision } of changed.values()) {
    if (revision <= newest) continue;
    const before = runs.get(object.uid);
    const matches = !deleted && matchesRun(object, filter);
    if (before) states[before.state] = (states[before.state] ?? 1) - 1;
    if (!deleted && matchesRun(object, anyState)) states[object.state] = (states[object.state] ?? 0) + 1;
    if (matches) runs.set(object.uid, object);
    else runs.delete(object.uid);
    total += Number(matches && !before) - Number(!matches && before !== undefined);
  }
  const sorted = [...runs.values()].sort(newerRun);
  return { runs: perModel ? newestPerModel(sorted) : sorted, total, states };
}
