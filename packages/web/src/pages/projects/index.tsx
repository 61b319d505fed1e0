import { Label } from '@patternfly/react-core';
import { kinds, type PullRequest, type Repository } from '@tagboat/api';
import { compareTags } from '@tagboat/render/versions';
import {
  Command,
  type DataColumn,
  DataTable,
  Empty,
  Equivalent,
  Gate,
  PageFrame,
  To,
} from '../../components/index.ts';
import { cloneUrl } from '../../data/git.ts';
import { useList } from '../../data/use-list.ts';
import '../model/model.css';

interface Row {
  readonly repository: Repository;
  readonly head: string | undefined;
  readonly newestTag: string | undefined;
  readonly tags: number;
  readonly pulls: number;
}

/** Every project with its repositories. */
export default function ProjectsPage() {
  const repositories = useList<Repository>(kinds.Repository);
  const pulls = useList<PullRequest>(kinds.PullRequest);
  return (
    <PageFrame title="Projects" subtitle="Repositories, and what is proposed for them">
      <Gate of={[repositories, pulls]}>
        {() => <Projects rows={repositories.items.map((repository) => rowOf(repository, pulls.items))} />}
      </Gate>
    </PageFrame>
  );
}

function rowOf(repository: Repository, pulls: readonly PullRequest[]): Row {
  const refs = repository.status?.refs ?? {};
  const tags = Object.keys(refs)
    .filter((ref) => ref.startsWith('refs/tags/'))
    .map((ref) => ref.slice('refs/tags/'.length))
    .sort((a, b) => compareTags(b, a) ?? 0);
  const { namespace, name } = repository.metadata;
  return {
    repository,
    head: refs[`refs/heads/${repository.status?.defaultBranch ?? 'main'}`],
    newestTag: tags[0],
    tags: tags.length,
    pulls: pulls.filter(
      ({ metadata, spec }) =>
        metadata.namespace === namespace && spec?.repository === name && spec.state === 'open',
    ).length,
  };
}

const pageOf = ({ metadata }: Repository) => `/projects/${metadata.namespace}/${metadata.name}`;

const columns: readonly DataColumn<Row>[] = [
  {
    title: 'Repository',
    cell: ({ repository }) => (
      <span className="tb-row">
        <To page={pageOf(repository)}>
          <strong>{repository.metadata.name}</strong>
        </To>
        {repository.spec?.role === 'deployment' && (
          <Label isCompact color="purple">
            deployment
          </Label>
        )}
        {repository.spec?.url && (
          <Label isCompact color="teal">
            followed
          </Label>
        )}
      </span>
    ),
  },
  {
    title: 'Head',
    cell: ({ repository, head }) =>
      head ? (
        <span>
          {repository.status?.defaultBranch}{' '}
          <To page={`${pageOf(repository)}?commit=${head}`} className="tb-mono">
            {head.slice(0, 10)}
          </To>
        </span>
      ) : (
        'empty'
      ),
  },
  {
    title: 'Newest tag',
    cell: ({ repository, newestTag }) =>
      newestTag ? <To page={`${pageOf(repository)}?tab=tags`}>{newestTag}</To> : 'none',
  },
  { title: 'Tags', align: 'right', cell: ({ tags }) => tags },
  {
    title: 'Proposed',
    align: 'right',
    cell: ({ repository, pulls }) =>
      pulls > 0 ? <To page={`${pageOf(repository)}?tab=pulls`}>{pulls}</To> : '0',
  },
  {
    title: 'Clone',
    grows: true,
    cell: ({ repository }) => {
      const url = cloneUrl(repository);
      return url ? (
        <span className="tb-clone">
          <Equivalent text={`git clone ${url}`} />
        </span>
      ) : (
        ''
      );
    },
  },
];

function Projects({ rows }: { rows: readonly Row[] }) {
  if (rows.length === 0)
    return (
      <Empty title="No repository yet" actions={<Command text="tagboat init && git push tagboat main" />}>
        In a working copy of yours:
      </Empty>
    );
  const projects = [...new Set(rows.map(({ repository }) => repository.metadata.namespace ?? ''))].sort();
  return (
    <div className="tb-stack">
      {projects.map((project) => (
        <section key={project} className="tb-stack" aria-label={project}>
          <h2 className="tb-heading">{project}</h2>
          <DataTable
            label={`Repositories of ${project}`}
            columns={columns}
            rows={rows.filter(({ repository }) => repository.metadata.namespace === project)}
            keyOf={({ repository }) => repository.metadata.name}
          />
        </section>
      ))}
    </div>
  );
}
