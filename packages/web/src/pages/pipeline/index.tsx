import { useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { Failed, Loading, PageFrame } from '../../components/index.ts';
import { ElyraPipeline } from './elyra-pipeline.tsx';
import { ModelPipelines } from './model-pipelines.tsx';
import { PipelineEditor } from './pipeline-editor.tsx';
import { SaveButton } from './save-button.tsx';
import { useFile } from './use-file.ts';

const crumbs = [{ label: 'Pipelines', to: '/pipelines' }];

const newPipeline = `apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: pipeline
spec:
  tasks:
    - name: hello
      taskSpec:
        steps:
          - name: run
            image: bash
            script: |
              echo hello
`;

/** One pipeline file of a repository. */
export default function PipelinePage() {
  const { project, repository } = useParams({ from: '/pipelines/$project/$repository' });
  const { path = 'tagboat.yaml', create } = useSearch({ from: '/pipelines/$project/$repository' });
  const address = { project, repository, path };
  const file = useFile(address, create ? newPipeline : undefined);
  const [changed, setChanged] = useState<string>();
  const text = changed ?? file.data?.text;
  const subtitle = `${project}/${repository}`;
  if (file.error || text === undefined || !file.data)
    return (
      <PageFrame title={path} subtitle={subtitle} crumbs={crumbs}>
        {file.error ? <Failed error={file.error} retry={() => void file.refetch()} /> : <Loading rows={10} />}
      </PageFrame>
    );
  const model = path.endsWith('tagboat.yaml');
  if (path.endsWith('.pipeline'))
    return (
      <PageFrame title={path} subtitle={subtitle} crumbs={crumbs} fills>
        <ElyraPipeline text={text} path={path} />
      </PageFrame>
    );
  return (
    <PageFrame
      title={path}
      subtitle={subtitle}
      crumbs={crumbs}
      fills
      actions={
        <SaveButton
          address={address}
          file={file.data}
          text={text}
          saved={() => setChanged(undefined)}
          discard={() => setChanged(undefined)}
        />
      }
    >
      {model ? (
        <ModelPipelines project={project} repository={repository} text={text} onChange={setChanged} />
      ) : (
        <PipelineEditor text={text} onChange={setChanged} namespace={project} />
      )}
    </PageFrame>
  );
}
