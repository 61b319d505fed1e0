import { Button, Label } from '@patternfly/react-core';
import ProjectDiagramIcon from '@patternfly/react-icons/dist/esm/icons/project-diagram-icon';
import { kinds, type Pipeline, type Repository } from '@tagboat/api';
import { Link, useNavigate } from '@tanstack/react-router';
import { Ago, Empty, Gate, PageFrame } from '../../components/index.ts';
import { useList } from '../../data/use-list.ts';
import { type PipelineFile, usePipelineFiles } from './use-pipeline-files.ts';
import './pipelines.css';

/** Every pipeline that there is: files in repositories, and objects of the cluster. */
export default function PipelinesPage() {
  const repositories = useList<Repository>(kinds.Repository);
  const objects = useList<Pipeline>(kinds.Pipeline);
  const sources = repositories.items.filter(({ spec }) => spec?.role !== 'deployment');
  const navigate = useNavigate();
  return (
    <PageFrame
      title="Pipelines"
      subtitle="Tekton pipelines as graphs. Those in a repository are edited here, and saving is a commit."
      actions={
        <Button variant="secondary" onClick={() => void navigate({ to: '/pipelines/view', search: {} })}>
          Look at any YAML
        </Button>
      }
    >
      <Gate of={[repositories, objects]}>
        {() =>
          sources.length + objects.items.length === 0 ? (
            <Empty title="There are no pipelines yet" icon={ProjectDiagramIcon}>
              Models bring their own, made from <code>tagboat.yaml</code>. Others are YAML files in{' '}
              <code>.tekton/</code> of a repository.
            </Empty>
          ) : (
            <div className="tb-columns">
              {sources.map((repository) => (
                <RepositoryPipelines key={repository.metadata.uid} repository={repository} />
              ))}
              {objects.items.length > 0 && <ClusterPipelines pipelines={objects.items} />}
            </div>
          )
        }
      </Gate>
    </PageFrame>
  );
}

function RepositoryPipelines({ repository }: { repository: Repository }) {
  const { namespace: project = '', name } = repository.metadata;
  const { files, status, message } = usePipelineFiles(repository);
  const hosted = repository.spec?.url === undefined;
  return (
    <section className="tb-panel">
      <h2>
        <Link to="/projects/$project/$repository" params={{ project, repository: name }}>
          {project}/{name}
        </Link>
      </h2>
      {status === 'loading' && <p className="tb-quiet">Reads its files…</p>}
      {status === 'failed' && <p className="tb-quiet">{message}</p>}
      <ul className="tb-files">
        {files.map((file) => (
          <FileLink key={file.path} project={project} repository={name} file={file} />
        ))}
      </ul>
      {status === 'ready' && files.length === 0 && (
        <p className="tb-quiet">It has no pipelines of its own.</p>
      )}
      {status === 'ready' && hosted && (
        <Link
          to="/pipelines/$project/$repository"
          params={{ project, repository: name }}
          search={{ path: '.tekton/pipeline.yaml', create: 'true' }}
          className="tb-gap tb-new"
        >
          New pipeline
        </Link>
      )}
    </section>
  );
}

function FileLink({
  project,
  repository,
  file,
}: {
  project: string;
  repository: string;
  file: PipelineFile;
}) {
  return (
    <li>
      <Link
        to="/pipelines/$project/$repository"
        params={{ project, repository }}
        search={{ path: file.path }}
      >
        {file.path}
      </Link>
      <Label isCompact>{file.kind}</Label>
    </li>
  );
}

function ClusterPipelines({ pipelines }: { pipelines: readonly Pipeline[] }) {
  return (
    <section className="tb-panel">
      <h2>In the cluster</h2>
      <ul className="tb-files">
        {pipelines.map(({ metadata, spec }) => (
          <li key={metadata.uid}>
            <Link to="/pipelines/view" search={{ object: `${metadata.namespace}/${metadata.name}` }}>
              {metadata.namespace}/{metadata.name}
            </Link>
            <span className="tb-quiet">
              {spec?.tasks?.length ?? 0} tasks, <Ago at={metadata.creationTimestamp} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
