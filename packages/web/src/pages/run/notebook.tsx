import { kinds } from '@tagboat/api';
import type { TagboatError } from '@tagboat/base';
import type { Model } from '@tagboat/render/model-spec';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useRef } from 'react';
import { Empty, Equivalent, Failed, Loading, Status } from '../../components/index.ts';
import { useArtifactText } from '../../data/artifact.ts';
import { client } from '../../data/client.ts';
import { rawUrl } from '../../data/git.ts';
import { useObject } from '../../data/use-list.ts';
import { useLog } from '../../log/use-log.ts';
import { NotebookView, readNotebook } from '../../notebook/index.ts';
import { useExecutedSoFar, withSavedOutputs } from './executed-so-far.ts';
import { LiveNotebook } from './live-notebook.ts';
import { resultsByTask } from './results-model.ts';
import type { LoadedRun } from './use-run.ts';

/** The executed notebook; while it runs, its cells as they come. */
export function RunNotebook({ loaded }: { loaded: LoadedRun }) {
  const { summary, taskRuns, nodes } = loaded;
  const digest = resultsByTask(taskRuns).get('train-notebook');
  const train = nodes.find(({ name }) => name === 'train');
  if (!train || !summary.model)
    return <Empty title="This run executes no notebook">Its log is under Tasks.</Empty>;
  if (digest)
    return <Executed repository={`${summary.project}/${summary.model}/notebooks`} digest={digest} />;
  if (train.status === 'pending')
    return <Empty title="The training has not begun">Cells appear here as they run.</Empty>;
  return <Live loaded={loaded} model={summary.model} />;
}

function Executed({ repository, digest }: { repository: string; digest: string }) {
  const file = useArtifactText({ repository, digest }, '.ipynb');
  const notebook = useMemo(() => (file.data ? readNotebook(file.data.text) : undefined), [file.data]);
  useScrollToHash(notebook !== undefined);
  if (file.error) return <Failed error={file.error} retry={() => void file.refetch()} />;
  if (!notebook) return <Loading rows={10} />;
  return (
    <>
      <div className="tb-notebook-head">
        <span className="tb-mono">{file.data?.name}</span> as it was executed{' '}
        <Equivalent text={`oras pull ${location.host}/${repository}@${digest}`} />
      </div>
      <NotebookView notebook={notebook} />
    </>
  );
}

/**
 * Brings the cell that the address names into sight, once there is something to see. The failing cell is meant where
 * one failed: the number counts what ran, and the notebook has text between.
 */
function useScrollToHash(ready: boolean): void {
  useEffect(() => {
    const { hash } = location;
    if (!ready || !/^#cell-\d+$/.test(hash)) return;
    const target = document.querySelector('.tb-cell--failed') ?? document.querySelector(hash);
    target?.scrollIntoView({ block: 'center' });
  }, [ready]);
}

function Live({ loaded, model: name }: { loaded: LoadedRun; model: string }) {
  const { project, repository, commit } = loaded.summary;
  const model = useObject<Model>({ type: kinds.Model, namespace: project, name });
  const path = notebookPath(model.object);
  const source = useQuery<string, TagboatError>({
    queryKey: ['notebook', project, repository, path, commit],
    enabled: path !== undefined && repository !== undefined && commit !== undefined,
    queryFn: async () => {
      const file = rawUrl({ project, name: repository! }, path!, commit!);
      return (await client.request('GET', file)).text();
    },
  });
  if (model.status === 'ready' && path === undefined)
    return (
      <Empty title="This run executes no notebook">It trains with a script; its log is under Tasks.</Empty>
    );
  if (source.error) return <Failed error={source.error} />;
  if (!source.data) return <Loading rows={8} />;
  return <LiveCells loaded={loaded} source={source.data} path={path!} />;
}

function notebookPath(model: Model | undefined): string | undefined {
  const { train, context = '.' } = model?.spec ?? {};
  const notebook = train?.steps.find((step) => step.notebook)?.notebook;
  return notebook === undefined ? undefined : context === '.' ? notebook : `${context}/${notebook}`;
}

function LiveCells({ loaded, source, path }: { loaded: LoadedRun; source: string; path: string }) {
  const taskRun = loaded.taskRuns.find(
    ({ metadata }) => metadata.labels?.['tekton.dev/pipelineTask'] === 'train',
  );
  const pod = taskRun?.status?.podName;
  const step = pod ? { namespace: loaded.summary.project, pod, container: 'step-train' } : undefined;
  const log = useLog(step);
  const read = useRef({ live: new LiveNotebook(readNotebook(source)), buffer: log.buffer, lines: 0 });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the buffer grows in place, version tells
  const view = useMemo(() => {
    if (read.current.buffer !== log.buffer)
      read.current = { live: new LiveNotebook(readNotebook(source)), buffer: log.buffer, lines: 0 };
    const { current } = read;
    while (current.lines < log.buffer.length) current.live.add(log.buffer.line(++current.lines).text);
    return current.live.view();
  }, [log.buffer, log.version, source]);
  const ended = loaded.summary.completed !== undefined;
  const saved = useExecutedSoFar(ended ? undefined : step, { path, changes: view.changes });
  const notebook = useMemo(() => withSavedOutputs(view, saved), [view, saved]);
  return (
    <>
      <p className="tb-notebook-head">
        <span className="tb-mono">{path}</span>{' '}
        {ended ? (
          'as far as its log tells'
        ) : (
          <Status status="running">runs; its cells appear as they are executed</Status>
        )}
      </p>
      <NotebookView notebook={notebook} running={ended ? undefined : view.running} />
    </>
  );
}
