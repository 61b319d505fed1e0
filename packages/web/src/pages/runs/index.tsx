import { Button } from '@patternfly/react-core';
import TachometerAltIcon from '@patternfly/react-icons/dist/esm/icons/tachometer-alt-icon';
import type { RunFilter } from '@tagboat/render/run-summary';
import { useMemo } from 'react';
import { Command, Empty, Failed, Loading, PageFrame, VirtualTable } from '../../components/index.ts';
import { useRuns } from '../../data/use-runs.ts';
import { columns } from './columns.tsx';
import { RunFilters } from './filters.tsx';
import { type RunSearch, useRunSearch } from './use-run-search.ts';
import './runs.css';

export default function RunsPage() {
  const { search, change } = useRunSearch();
  const filter = useMemo<RunFilter>(() => search, [search]);
  const list = useRuns(filter);
  return (
    <PageFrame title="Runs" fills actions={<RunCount total={list.total} ready={list.status === 'ready'} />}>
      <RunFilters search={search} change={change} states={list.states} />
      {list.status === 'failed' ? (
        <Failed error={list.error!} />
      ) : list.status === 'loading' ? (
        <Loading rows={10} />
      ) : list.runs.length === 0 ? (
        <NoRuns search={search} clear={() => change(undefined)} />
      ) : (
        <VirtualTable
          label="Runs"
          columns={columns}
          rows={list.runs}
          keyOf={({ uid }) => uid}
          total={list.total}
          loadMore={list.loadMore}
          rowHeight={52}
        />
      )}
    </PageFrame>
  );
}

function RunCount({ total, ready }: { total: number; ready: boolean }) {
  return (
    <span className="tb-quiet tb-number" aria-live="polite">
      {ready ? `${total.toLocaleString('en')} ${total === 1 ? 'run' : 'runs'}` : ''}
    </span>
  );
}

function NoRuns({ search, clear }: { search: RunSearch; clear: () => void }) {
  const filtered = Object.values(search).some(Boolean);
  return filtered ? (
    <Empty
      title="No run is like this"
      actions={
        <Button variant="primary" onClick={clear}>
          Show all runs
        </Button>
      }
    >
      Nothing matches all of the filters.
    </Empty>
  ) : (
    <Empty
      title="There are no runs yet"
      icon={TachometerAltIcon}
      actions={<Command text="git push tagboat HEAD v0.1.0" />}
    >
      A pushed tag makes one.
    </Empty>
  );
}
