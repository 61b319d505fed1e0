import { Duration, StatusIcon } from '../components/index.ts';
import type { TaskNode } from './pipeline-graph.ts';

export interface BoxLook {
  readonly task: TaskNode;
  readonly selected: boolean | undefined;
}

/** The classes of a task's box. */
export function boxClasses({ task: { critical, final }, selected }: BoxLook): string {
  const classes = [
    'tb-task',
    selected && 'tb-task--selected',
    critical && 'tb-task--critical',
    final && 'tb-task--final',
  ];
  return classes.filter(Boolean).join(' ');
}

/** What stands in a task's box. */
export function TaskLabel({ task, plain }: { task: TaskNode; plain: boolean }) {
  const { title, status, started, completed, taskRuns, reason } = task;
  return (
    <>
      {!plain && <StatusIcon status={status} />}
      <span className="tb-task__text">
        <span className="tb-task__title">{title}</span>
        <span className="tb-task__sub">
          {plain ? kindOf(task) : started ? <Duration from={started} to={completed} /> : (reason ?? '')}
          {taskRuns.length > 1 ? ` · ${taskRuns.length} of a matrix` : ''}
          {status === 'reused' ? ' · reused' : ''}
        </span>
      </span>
    </>
  );
}

function kindOf({ task, final }: TaskNode): string {
  const steps = task.taskSpec?.steps?.length;
  const what =
    task.taskRef?.name ??
    task.taskRef?.resolver ??
    (steps ? `${steps} ${steps === 1 ? 'step' : 'steps'}` : 'task');
  return final ? `${what} · finally` : what;
}
