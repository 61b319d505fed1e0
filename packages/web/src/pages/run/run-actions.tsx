import { kinds, type PipelineRun } from '@tagboat/api';
import { useNavigate } from '@tanstack/react-router';
import { ActionButton } from '../../components/index.ts';
import { client } from '../../data/client.ts';
import { startRerun } from './rerun.ts';
import type { LoadedRun } from './use-run.ts';

/** What can be done with a run. */
export function RunActions({ loaded }: { loaded: LoadedRun }) {
  const { run, summary } = loaded;
  const running = summary.state === 'running' || summary.state === 'pending';
  return running ? <Cancel run={run} /> : <Rerun loaded={loaded} />;
}

function Cancel({ run }: { run: PipelineRun }) {
  const { name, namespace = '' } = run.metadata;
  const cancel = () =>
    client.patch({ type: kinds.PipelineRun, namespace, name }, { spec: { status: 'Cancelled' } });
  return (
    <ActionButton
      label="Cancel"
      variant="danger"
      act={cancel}
      command={`tagboat cancel ${name} -p ${namespace}`}
      confirm={{
        title: 'Cancel this run?',
        danger: true,
        body: (
          <p>
            The step that runs now is stopped, tasks that have not begun never begin, and the run ends as
            Cancelled. Nothing is released. What ended already keeps its results, so a rerun can use them.
          </p>
        ),
      }}
    />
  );
}

function Rerun({ loaded }: { loaded: LoadedRun }) {
  const { run, summary, nodes, taskRuns } = loaded;
  const navigate = useNavigate();
  const start = async (fromFailed: boolean) => {
    const name = await startRerun(client, run, fromFailed && { taskRuns });
    await navigate({
      to: '/runs/$project/$run',
      params: { project: summary.project, run: name },
      search: {},
    });
  };
  const failed = nodes.filter(({ status }) => status === 'failed' || status === 'cancelled');
  const kept = nodes.filter(({ status }) => status === 'succeeded' || status === 'reused');
  const about = `${nodes.length} ${nodes.length === 1 ? 'task runs' : 'tasks run'} again on commit ${summary.commit?.slice(0, 10) ?? 'it had'}`;
  const forward =
    summary.kind === 'release'
      ? ' A release only goes forward: where something newer is deployed by then, this run ends as Superseded.'
      : '';
  return (
    <>
      {failed.length > 0 && kept.length > 0 && (
        <ActionButton
          label="Rerun from the failed task"
          variant="primary"
          act={() => start(true)}
          command={`tagboat rerun ${summary.name} --from-failed`}
          confirm={{
            title: 'Rerun from the failed task?',
            body: (
              <p>
                A new run takes over the outcome of {kept.map(({ title }) => title).join(', ')}, and begins
                with {failed.map(({ title }) => title).join(', ')}.{forward}
              </p>
            ),
          }}
        />
      )}
      <ActionButton
        label="Rerun"
        act={() => start(false)}
        command={`tagboat rerun ${summary.name}`}
        confirm={{
          title: 'Rerun all of it?',
          body: (
            <p>
              {about}, as a new run.{forward}
            </p>
          ),
        }}
      />
    </>
  );
}
