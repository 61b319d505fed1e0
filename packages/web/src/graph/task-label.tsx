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

/** What a task's box says when it is pointed at. */
export function tipOf({ title, status, reason, times, critical }: TaskNode): string {
  const spent = times && `waited ${times.waited}, ran ${times.ran}, overhead ${times.overhead}`;
  const what = [`${title}: ${reason ?? status}`, spent, critical && 'on the critical path'];
  return what.filter(Boolean).join('\n');
}

/** What stands in a task's box. */
export function TaskLabel({ task, plain }: { task: TaskNode; plain: boolean }) {
  const { title, status, started, completed, children, reason } = task;
  return (
    <>
      {!plain && <StatusIcon status={status} />}
      <span className="tb-task__text">
        <span className="tb-task__title">{title}</span>
        <span className="tb-task__sub">
          {plain ? kindOf(task) : started ? <Duration from={started} to={completed} /> : (reason ?? '')}
          {children.length > 1 ? ` · ${children.length} of a matrix` : ''}
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
