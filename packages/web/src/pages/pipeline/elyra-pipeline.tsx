import type { PipelineSpec } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import { type ElyraNode, parseElyra } from '@tagboat/elyra/parse';
import { useMemo, useState } from 'react';
import { Equivalent, type Fact, Facts, Failed } from '../../components/index.ts';
import { Code } from '../../content/code.tsx';
import { taskNodes } from '../../graph/pipeline-graph.ts';
import { TaskGraph } from '../../graph/task-graph.tsx';
import './pipeline.css';

const kindText = { notebook: 'Notebook', python: 'Python script', r: 'R script' } as const;

/** The nodes of an Elyra pipeline as tasks; a node's id is its name, for labels may repeat. */
function specOf(nodes: readonly ElyraNode[]): PipelineSpec {
  return {
    tasks: nodes.map(({ id, label, after, filename }) => ({
      name: id,
      displayName: label,
      taskRef: { name: filename },
      ...(after.length > 0 ? { runAfter: [...after] } : {}),
    })),
  };
}

/** An Elyra `.pipeline` as a graph. It is edited in JupyterLab, where its editor is. */
export function ElyraPipeline({ text, path }: { text: string; path: string }) {
  const read = useMemo(() => {
    try {
      return { pipeline: parseElyra(text, path) };
    } catch (error) {
      if (error instanceof TagboatError) return { error };
      throw error;
    }
  }, [text, path]);
  const [selected, setSelected] = useState<string>();
  const nodes = useMemo(() => (read.pipeline ? taskNodes(specOf(read.pipeline.nodes)) : []), [read]);
  if (!read.pipeline) return <Failed error={read.error!} />;
  const node = read.pipeline.nodes.find(({ id }) => id === selected) ?? read.pipeline.nodes[0]!;
  return (
    <div className="tb-pipeline">
      <div className="tb-pipeline__text tb-stack">
        <NodeFacts node={node} />
        <p className="tb-quiet">
          Elyra pipelines are edited in JupyterLab, in a workbench. As Tekton YAML:{' '}
          <Equivalent text={`tagboat render ${path}`} /> and run: <Equivalent text={`tagboat run ${path}`} />
        </p>
      </div>
      <div className="tb-pipeline__graph">
        <TaskGraph nodes={nodes} plain direction="TB" selected={node.id} onSelect={setSelected} />
      </div>
    </div>
  );
}

function NodeFacts({ node }: { node: ElyraNode }) {
  const facts: readonly Fact[] = [
    ['What', `${kindText[node.kind]} ${node.filename}`],
    ['Image', node.runtimeImage ?? ''],
    ['Takes', node.dependencies.join(', ')],
    ['Leaves', node.outputs.join(', ')],
    ['Parameters', node.parameters.join(', ')],
    [
      'Secrets',
      node.secrets.map(({ variable, secret, key }) => `${variable} from ${secret}/${key}`).join(', '),
    ],
    ['Volumes', node.volumes.map(({ path, claim }) => `${claim} at ${path}`).join(', ')],
    ['CPU', String(node.resources.cpu ?? '')],
    ['Memory', node.resources.memory === undefined ? '' : `${node.resources.memory} GB`],
  ];
  const variables = node.environment.map(({ name, value }) => `${name}=${value}`).join('\n');
  return (
    <section className="tb-panel tb-stack" aria-label={`Node ${node.label}`}>
      <h2 className="tb-heading">{node.label}</h2>
      <Facts facts={facts} />
      {variables && (
        <div className="tb-gap">
          <h3 className="tb-quiet tb-small">Environment variables</h3>
          <Code text={variables} language={undefined} label="Environment variables" />
        </div>
      )}
    </section>
  );
}
