import { ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import { criticalPathLine } from '@tagboat/render/run-times';
import { useNavigate } from '@tanstack/react-router';
import type { TaskNode } from '../../graph/pipeline-graph.ts';
import { TaskGraph } from '../../graph/task-graph.tsx';
import { TaskPanel } from './task-panel.tsx';
import { Timeline } from './timeline.tsx';
import { type LoadedRun, useRunSearchParams } from './use-run.ts';

/** The tasks as a graph or on a time line, and the chosen one's steps with their logs. */
export function RunTasks({ loaded }: { loaded: LoadedRun }) {
  const { nodes, run } = loaded;
  const search = useRunSearchParams();
  const navigate = useNavigate();
  const chosen = nodes.find(({ name }) => name === search.task) ?? interesting(nodes);
  const select = (task: string) =>
    void navigate({ to: '.', search: { ...search, task, step: undefined }, replace: true });
  const view = search.view === 'timeline' ? 'timeline' : 'graph';
  const show = (next: string) =>
    void navigate({
      to: '.',
      search: { ...search, view: next === 'graph' ? undefined : next },
      replace: true,
    });
  const path = criticalPathLine(run);
  return (
    <div className="tb-run">
      <div className="tb-run__top">
        <div className="tb-run__bar">
          {path && <p className="tb-run__path">{path}</p>}
          <ToggleGroup aria-label="View" isCompact>
            <ToggleGroupItem
              text="Graph"
              buttonId="graph"
              isSelected={view === 'graph'}
              onChange={() => show('graph')}
            />
            <ToggleGroupItem
              text="Timeline"
              buttonId="timeline"
              isSelected={view === 'timeline'}
              onChange={() => show('timeline')}
            />
          </ToggleGroup>
        </div>
        {view === 'graph' ? (
          <TaskGraph nodes={nodes} selected={chosen?.name} onSelect={select} />
        ) : (
          <Timeline nodes={nodes} run={run} selected={chosen?.name} onSelect={select} />
        )}
      </div>
      {chosen && <TaskPanel key={chosen.name} node={chosen} namespace={run.metadata.namespace ?? ''} />}
    </div>
  );
}

/** What one wants to see first: what failed, else what runs, else the longest. */
export function interesting(nodes: readonly TaskNode[]): TaskNode | undefined {
  const length = ({ started, completed }: TaskNode) =>
    started && completed ? Date.parse(completed) - Date.parse(started) : 0;
  return (
    nodes.find(({ status }) => status === 'failed') ??
    nodes.findLast(({ status }) => status === 'running') ??
    [...nodes].sort((a, b) => length(b) - length(a))[0]
  );
}
