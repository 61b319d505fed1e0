import { ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import type { PipelineRun } from '@tagboat/api';
import { kinds } from '@tagboat/api';
import { useDeferredValue, useMemo, useState } from 'react';
import { Empty } from '../../components/index.ts';
import { useObject } from '../../data/use-list.ts';
import { useRuns } from '../../data/use-runs.ts';
import { taskNodes } from '../../graph/pipeline-graph.ts';
import { TaskGraph } from '../../graph/task-graph.tsx';
import { YamlEditor } from '../../pipeline-yaml/editor.tsx';
import { problemsOf } from '../../pipeline-yaml/problems.ts';
import { ProblemList } from './problem-list.tsx';
import './pipeline.css';

export interface ModelPipelinesProps {
  readonly project: string;
  readonly repository: string;
  readonly text: string;
  readonly onChange: (text: string) => void;
}

/** A `tagboat.yaml`, beside the pipelines that were made from it last. */
export function ModelPipelines({ project, repository, text, onChange }: ModelPipelinesProps) {
  const filter = useMemo(() => ({ project, repository }), [project, repository]);
  const { runs } = useRuns(filter, { per: 'model' });
  const [kind, setKind] = useState('release');
  const [show, setShow] = useState<{ at: number }>();
  const later = useDeferredValue(text);
  const problems = useMemo(() => problemsOf(later), [later]);
  const kindsThere = [...new Set(runs.flatMap((run) => run.kind ?? []))];
  const newest = runs.find((run) => run.kind === kind) ?? runs[0];
  const run = useObject<PipelineRun>(
    newest && { type: kinds.PipelineRun, namespace: newest.project, name: newest.name },
  );
  const nodes = useMemo(
    () =>
      run.object
        ? taskNodes(run.object.status?.pipelineSpec ?? run.object.spec?.pipelineSpec ?? { tasks: [] })
        : [],
    [run.object],
  );
  return (
    <div className="tb-pipeline">
      <div className="tb-pipeline__text">
        <YamlEditor text={text} onChange={onChange} names={noNames} show={show} />
        <ProblemList problems={problems} text={text} onShow={(at) => setShow({ at })} />
      </div>
      <div className="tb-pipeline__graph">
        {kindsThere.length > 1 && (
          <ToggleGroup aria-label="Which pipeline" isCompact>
            {kindsThere.map((name) => (
              <ToggleGroupItem
                key={name}
                text={name}
                buttonId={name}
                isSelected={name === newest?.kind}
                onChange={() => setKind(name)}
              />
            ))}
          </ToggleGroup>
        )}
        {nodes.length > 0 ? (
          <TaskGraph nodes={nodes} plain direction="TB" />
        ) : (
          <Empty title="Its pipelines have not run yet">
            Push a tag to see them here; <code>tagboat render</code> prints them as Tekton files.
          </Empty>
        )}
        <p className="tb-quiet">
          These tasks are made from tagboat.yaml. <code>tagboat render</code> prints them as Tekton, Argo CD
          and Kubernetes files.
        </p>
      </div>
    </div>
  );
}

const noNames = { tasks: [] };
