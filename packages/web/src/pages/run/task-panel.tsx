import type { StepState, TaskRun } from '@tagboat/api';
import { findCondition } from '@tagboat/api';
import { Link, useNavigate, useRouterState } from '@tanstack/react-router';
import {
  Duration,
  Empty,
  Equivalent,
  Facts,
  Status,
  StatusIcon,
  type StatusName,
} from '../../components/index.ts';
import { type Child, childState, type TaskNode, whenText } from '../../graph/pipeline-graph.ts';
import { type LineRange, rangeOf } from '../../log/line-range.ts';
import { LogView } from '../../log/log-view.tsx';
import { useRunSearchParams } from './use-run.ts';

/** A task's steps, and the log of the chosen one. */
export function TaskPanel({ node, namespace }: { node: TaskNode; namespace: string }) {
  const search = useRunSearchParams();
  const navigate = useNavigate();
  const attempts = node.taskRuns;
  const taskRun = attempts.find(({ metadata }) => metadata.name === search.attempt) ?? attempts.at(-1);
  const steps = taskRun ? stepsOf(taskRun) : [];
  const step =
    steps.find(({ name }) => name === search.step) ??
    steps.find(({ state }) => state !== 'succeeded') ??
    steps.at(-1);
  const choose = (change: Record<string, string | undefined>) =>
    void navigate({ to: '.', search: { ...search, task: node.name, ...change }, replace: true });
  return (
    <section className="tb-task-panel" aria-label={`Task ${node.title}`}>
      <aside className="tb-task-panel__side">
        <h2>
          {node.title} <Status status={node.status} />
        </h2>
        <Explanation node={node} {...(taskRun ? { taskRun } : {})} />
        <Times node={node} />
        <NestedRuns of={node.children} />
        {attempts.length > 1 && (
          <ul className="tb-steps" aria-label="Runs of this task">
            {attempts.map((item) => (
              <li key={item.metadata.name}>
                <StepButton
                  selected={item === taskRun}
                  onClick={() => choose({ attempt: item.metadata.name, step: undefined })}
                  state={childState(item)}
                  name={matrixText(item) || item.metadata.name}
                  from={item.status?.startTime}
                  to={item.status?.completionTime}
                />
              </li>
            ))}
          </ul>
        )}
        <ul className="tb-steps" aria-label="Steps">
          {steps.map((item) => (
            <li key={item.name}>
              <StepButton
                selected={item === step}
                onClick={() => choose({ step: item.name })}
                state={item.state}
                name={item.name}
                from={item.started}
                to={item.finished}
              />
            </li>
          ))}
        </ul>
        {taskRun?.status?.podName && (
          <Equivalent text={`tagboat logs ${taskRun.metadata.labels?.['tekton.dev/pipelineRun']}`} />
        )}
      </aside>
      <div className="tb-task-panel__log">
        <StepLog namespace={namespace} taskRun={taskRun} step={step} node={node} />
      </div>
    </section>
  );
}

/** How a task of a run that is over spent its time. */
function Times({ node: { times } }: { node: TaskNode }) {
  if (!times) return null;
  const { waited, ran, overhead } = times;
  return (
    <Facts
      arranged="line"
      facts={[
        ['Waited', waited],
        ['Ran', ran],
        ['Overhead', overhead],
      ]}
    />
  );
}

/** The runs that a task became, each with a page of its own. */
function NestedRuns({ of }: { of: readonly Child[] }) {
  const runs = of.filter(({ kind }) => kind === 'PipelineRun');
  if (runs.length === 0) return null;
  return (
    <ul className="tb-steps" aria-label="Nested runs">
      {runs.map((run) => (
        <li key={run.metadata.name} className="tb-step">
          <StatusIcon status={childState(run)} />
          <Link
            className="tb-clip"
            to="/runs/$project/$run"
            params={{ project: run.metadata.namespace ?? '', run: run.metadata.name }}
          >
            {run.metadata.name}
          </Link>
          <span className="tb-step__time">
            <Duration from={run.status?.startTime} to={run.status?.completionTime} />
          </span>
        </li>
      ))}
    </ul>
  );
}

interface StepView {
  readonly name: string;
  readonly container: string;
  readonly state: StatusName;
  readonly started?: string | undefined;
  readonly finished?: string | undefined;
}

function stepsOf({ status }: TaskRun): StepView[] {
  return (status?.steps ?? []).map((step) => ({
    name: step.name,
    container: step.container,
    state: stepState(step),
    started: step.running?.startedAt ?? step.terminated?.startedAt,
    finished: step.terminated?.finishedAt,
  }));
}

function stepState({ terminated, running, terminationReason }: StepState): StatusName {
  if (terminationReason === 'Skipped' || terminated?.reason === 'Skipped') return 'skipped';
  if (terminated)
    return terminated.exitCode === 0
      ? 'succeeded'
      : /cancel/i.test(terminated.reason ?? '')
        ? 'cancelled'
        : 'failed';
  return running ? 'running' : 'pending';
}

interface StepButtonProps {
  readonly selected: boolean;
  readonly onClick: () => void;
  readonly state: StatusName;
  readonly name: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

function StepButton({ selected, onClick, state, name, from, to }: StepButtonProps) {
  return (
    <button
      type="button"
      className={`tb-step${selected ? ' tb-step--selected' : ''}`}
      aria-pressed={selected}
      onClick={onClick}
    >
      <StatusIcon status={state} />
      <span className="tb-clip">{name}</span>
      <span className="tb-step__time">{from && <Duration from={from} to={to} />}</span>
    </button>
  );
}

function Explanation({ node, taskRun }: { node: TaskNode; taskRun?: TaskRun }) {
  const conditions = node.task.when ?? [];
  const message = taskRun && findCondition(taskRun.status?.conditions, 'Succeeded')?.message;
  const warning = taskRun?.status?.annotations?.['tagboat.dev/warnings'];
  return (
    <>
      {node.reason && node.children.length === 0 && <p className="tb-quiet">Skipped: {node.reason}</p>}
      {node.reused && (
        <p className="tb-quiet">
          {message?.startsWith('Taken from')
            ? message
            : 'Nothing it depends on has changed, so its earlier outcome is used.'}
        </p>
      )}
      {warning && <p className="tb-quiet">Warning: {warning}</p>}
      {conditions.length > 0 && node.children.length > 0 && (
        <p className="tb-quiet">Runs when {conditions.map(whenText).join(' and ')}</p>
      )}
    </>
  );
}

const matrixText = ({ metadata }: TaskRun) =>
  Object.entries(metadata.annotations ?? {})
    .filter(([name]) => name.startsWith('tekton.dev/matrix-'))
    .map(([, value]) => value)
    .join(', ');

/** Where to look for what a task without steps did. */
const elsewhere = ({ reason, children }: TaskNode): string =>
  children.some(({ kind }) => kind === 'PipelineRun')
    ? 'This task is a run with a page of its own: its tasks and their logs are there.'
    : (reason ?? 'Another controller does its work.');

interface StepLogProps {
  readonly namespace: string;
  readonly taskRun: TaskRun | undefined;
  readonly step: StepView | undefined;
  readonly node: TaskNode;
}

function StepLog({ namespace, taskRun, step, node }: StepLogProps) {
  const hash = useRouterState({ select: ({ location }) => location.hash });
  const navigate = useNavigate();
  const search = useRunSearchParams();
  const pod = taskRun?.status?.podName;
  if (node.children.some(({ kind }) => kind !== 'TaskRun'))
    return <Empty title="No steps of its own">{elsewhere(node)}</Empty>;
  if (!pod || !step || step.state === 'pending')
    return (
      <Empty title={node.status === 'skipped' ? 'This task did not run' : 'Nothing is logged yet'}>
        {node.reason ??
          (node.status === 'pending'
            ? 'It waits for the tasks before it.'
            : 'The log appears when the step starts.')}
      </Empty>
    );
  const select = ([first, last]: LineRange) =>
    void navigate({
      to: '.',
      search: { ...search, task: node.name, step: step.name },
      hash: first === last ? `L${first}` : `L${first}-L${last}`,
      replace: true,
    });
  return (
    <LogView
      key={`${pod}/${step.container}`}
      of={{ namespace, pod, container: step.container }}
      selected={rangeOf(hash)}
      onSelect={select}
    />
  );
}
