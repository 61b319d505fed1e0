import type { PipelineRun } from '@tagboat/api';
import { colourOf, Duration, durationText, StatusIcon } from '../../components/index.ts';
import { useNow } from '../../data/now.ts';
import type { TaskNode } from '../../graph/pipeline-graph.ts';
import { tipOf } from '../../graph/task-label.tsx';

export interface TimelineProps {
  readonly nodes: readonly TaskNode[];
  readonly run: PipelineRun;
  readonly selected: string | undefined;
  readonly onSelect: (name: string) => void;
}

/** When each task ran, as bars on one scale, and once the run is over how each spent its time; the critical path is marked. */
export function Timeline({ nodes, run, selected, onSelect }: TimelineProps) {
  const now = useNow();
  const begin = Date.parse(run.status?.startTime ?? run.metadata.creationTimestamp ?? '');
  const { completionTime, timing } = run.status ?? {};
  const end = completionTime ? Date.parse(timing?.completedAt ?? completionTime) : now;
  const whole = Math.max(1000, end - begin);
  const left = (at: string) => ((Date.parse(at) - begin) / whole) * 100;
  const over = nodes.some(({ times }) => times);
  return (
    <div className={`tb-timeline${over ? ' tb-timeline--over' : ''}`}>
      <div className="tb-timeline__row tb-timeline__head" aria-hidden="true">
        <span />
        <span className="tb-timeline__scale">
          {[0, 0.25, 0.5, 0.75, 1].map((part) => (
            <span key={part} style={{ insetInlineStart: `${part * 100}%` }}>
              {durationText(whole * part)}
            </span>
          ))}
        </span>
        {(over ? ['Waited', 'Ran', 'Overhead'] : ['Duration']).map((name) => (
          <span key={name} className="tb-timeline__time">
            {name}
          </span>
        ))}
      </div>
      <ul>
        {nodes.map((node) => (
          <li key={node.name}>
            <button
              type="button"
              className={`tb-timeline__row${node.name === selected ? ' tb-timeline__row--selected' : ''}`}
              aria-pressed={node.name === selected}
              onClick={() => onSelect(node.name)}
              title={tipOf(node)}
            >
              <span className="tb-timeline__name">
                <StatusIcon status={node.status} /> <span className="tb-clip">{node.title}</span>
              </span>
              <span className="tb-timeline__track">
                {node.started ? (
                  <span
                    className={`tb-timeline__bar${node.critical ? ' tb-timeline__bar--critical' : ''}`}
                    style={{
                      insetInlineStart: `${left(node.started)}%`,
                      width: `${Math.max(0.4, left(node.completed ?? new Date(now).toISOString()) - left(node.started))}%`,
                      background: colourOf(node.status),
                    }}
                  />
                ) : (
                  <span className="tb-quiet tb-clip">{node.reason ?? ''}</span>
                )}
              </span>
              {over ? (
                <SpentTimes times={node.times} />
              ) : (
                <span className="tb-timeline__time">
                  <Duration from={node.started} to={node.completed} />
                </span>
              )}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function SpentTimes({ times }: Pick<TaskNode, 'times'>) {
  return (['waited', 'ran', 'overhead'] as const).map((column) => (
    <span key={column} className="tb-timeline__time tb-number">
      {times?.[column] ?? '–'}
    </span>
  ));
}
