import { kinds, type Pipeline } from '@tagboat/api';
import { useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { stringify } from 'yaml';
import { Equivalent, Gate, PageFrame } from '../../components/index.ts';
import { useObject } from '../../data/use-list.ts';
import { PipelineEditor } from '../pipeline/pipeline-editor.tsx';

const crumbs = [{ label: 'Pipelines', to: '/pipelines' }];

const example = `# Put any Tekton Pipeline or PipelineRun here. Nothing of it is saved.
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: example
spec:
  tasks:
    - name: fetch
      taskSpec:
        steps:
          - { name: fetch, image: bash, script: "echo fetch" }
    - name: test
      runAfter: [fetch]
      taskSpec:
        steps:
          - { name: test, image: bash, script: "echo test" }
    - name: build
      runAfter: [fetch]
      taskSpec:
        steps:
          - { name: build, image: bash, script: "echo build" }
    - name: deploy
      runAfter: [test, build]
      taskSpec:
        steps:
          - { name: deploy, image: bash, script: "echo deploy" }
  finally:
    - name: report
      taskSpec:
        steps:
          - { name: report, image: bash, script: "echo report" }
`;

/** Any pipeline as a graph: one of the cluster, or what somebody pastes. */
export default function PipelineViewPage() {
  const { object } = useSearch({ from: '/pipelines/view' });
  return object ? <ClusterPipeline name={object} /> : <AnyPipeline />;
}

function AnyPipeline() {
  const [text, setText] = useState(example);
  return (
    <PageFrame
      title="Any pipeline"
      crumbs={crumbs}
      subtitle="Paste YAML to see its graph and what is wrong with it."
      fills
    >
      <PipelineEditor text={text} onChange={setText} namespace="default" />
    </PageFrame>
  );
}

function ClusterPipeline({ name: full }: { name: string }) {
  const [namespace = '', name = ''] = full.split('/');
  const pipeline = useObject<Pipeline>({ type: kinds.Pipeline, namespace, name });
  return (
    <PageFrame
      title={name}
      subtitle={`${namespace}, in the cluster: change it where it came from.`}
      crumbs={crumbs}
      fills
      actions={<Equivalent text={`kubectl get pipeline ${name} -n ${namespace} -o yaml`} />}
    >
      <Gate of={[pipeline]} what={`There is no Pipeline ${full}.`}>
        {() => (
          <PipelineEditor
            text={stringify(pipeline.object)}
            onChange={ignore}
            namespace={namespace}
            readOnly
          />
        )}
      </Gate>
    </PageFrame>
  );
}

const ignore = () => undefined;
