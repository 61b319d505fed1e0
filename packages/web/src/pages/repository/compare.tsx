import { type Experiment, kinds } from '@tagboat/api';
import { compareTags } from '@tagboat/render/versions';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type DataColumn, DataTable, Empty, Equivalent, Failed, Loading } from '../../components/index.ts';
import { useComparison } from '../../data/git.ts';
import { useList } from '../../data/use-list.ts';
import { numberText } from '../model/model-data.ts';
import { Change } from '../model/overview.tsx';
import { ChangedFiles } from './changed-files.tsx';
import { CommitTable } from './commits.tsx';
import { useRepository } from './context.ts';
import { RefSelect } from './index.tsx';

interface Search {
  readonly base?: string;
  readonly head?: string;
}

/** What lies between two refs: commits, metrics, notebooks by cell, other files by line. */
export function Compare() {
  const { repository, object, defaultBranch } = useRepository();
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const tags = Object.keys(object.status?.refs ?? {})
    .filter((name) => name.startsWith('refs/tags/'))
    .map((name) => name.slice('refs/tags/'.length))
    .sort((a, b) => compareTags(b, a) ?? 0);
  const base = search.base ?? tags[1] ?? tags[0] ?? defaultBranch;
  const head = search.head ?? (search.base || tags.length < 2 ? defaultBranch : tags[0]!);
  const go = (next: Search) =>
    void navigate({ to: '.', search: { tab: 'compare', base, head, ...next } as never });
  return (
    <div className="tb-stack">
      <div className="tb-repo-bar">
        <RefSelect label="From" value={base} onChange={(next) => go({ base: next })} />
        <span>to</span>
        <RefSelect label="To" value={head} onChange={(next) => go({ head: next })} />
        <Equivalent text={`git diff ${base}...${head}`} />
      </div>
      {base === head ? (
        <Empty title="The same on both sides">Choose two that differ.</Empty>
      ) : (
        <Compared key={`${base} ${head}`} repository={repository} base={base} head={head} />
      )}
    </div>
  );
}

function Compared({
  repository,
  base,
  head,
}: {
  repository: { project: string; name: string };
  base: string;
  head: string;
}) {
  const { page } = useRepository();
  const comparison = useComparison(repository, { base, head });
  if (comparison.error) return <Failed error={comparison.error} retry={() => void comparison.refetch()} />;
  if (!comparison.data) return <Loading />;
  const {
    commits,
    files,
    total_files: total,
    additions,
    deletions,
    behind_by: behind,
    base_commit: from,
  } = comparison.data;
  const newest = commits[0]?.sha ?? from.sha;
  return (
    <>
      <p className="tb-quiet">
        {counted(commits.length, 'commit')}, {counted(total, 'file')}, +{additions} −{deletions}
        {behind > 0 && `; ${base} has ${counted(behind, 'commit')} that ${head} lacks`}
      </p>
      <MetricChanges
        project={repository.project}
        before={{ ref: base, commit: from.sha }}
        after={{ ref: head, commit: newest }}
      />
      {commits.length > 0 && <CommitTable commits={commits} page={page} />}
      <ChangedFiles repository={repository} files={files} />
    </>
  );
}

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;

interface Side {
  readonly ref: string;
  readonly commit: string;
}

interface MetricRow {
  readonly model: string;
  readonly name: string;
  readonly before: number | null | undefined;
  readonly after: number | null | undefined;
}

/** The metrics that were measured at two commits, side by side. */
function MetricChanges({ project, before, after }: { project: string; before: Side; after: Side }) {
  const experiments = useList<Experiment>(kinds.Experiment, { namespace: project });
  const at = (commit: string) => experiments.items.filter(({ spec }) => spec?.commit === commit);
  const rows: MetricRow[] = at(after.commit).flatMap(({ spec }) => {
    const other = at(before.commit).find((one) => one.spec?.model === spec!.model);
    return Object.entries(spec!.metrics).map(([name, value]) => ({
      model: spec!.model,
      name,
      before: other?.spec?.metrics[name],
      after: value,
    }));
  });
  if (rows.length === 0) return null;
  const columns: DataColumn<MetricRow>[] = [
    { title: 'Metric', cell: ({ name }) => name },
    { title: 'Model', cell: ({ model }) => model },
    { title: before.ref, align: 'right', cell: (row) => numberText(row.before) },
    { title: after.ref, align: 'right', cell: (row) => numberText(row.after) },
    { title: 'Change', cell: (row) => <Change now={row.after ?? null} before={row.before} /> },
  ];
  return (
    <DataTable
      label="Metrics"
      columns={columns}
      rows={rows}
      keyOf={({ model, name }) => `${model} ${name}`}
    />
  );
}
