import { useSearch } from '@tanstack/react-router';
import { type DataColumn, DataTable, Empty, Failed, Loading, PageFrame, To } from '../../components/index.ts';
import { useAbout } from '../../data/about.ts';
import { useJson } from '../../data/query.ts';
import type { RepositorySummary } from './image-data.ts';
import { RepositoryImages } from './repository-images.tsx';
import './images.css';

/** What the registry holds: images, models, executed notebooks. */
export default function ImagesPage() {
  const search: { repository?: string } = useSearch({ strict: false });
  const about = useAbout();
  const { repository } = search;
  return (
    <PageFrame
      title={repository ?? 'Images and models'}
      subtitle={repository ? undefined : 'What the registry holds: images, models, executed notebooks'}
      crumbs={repository ? [{ label: 'Images and models', to: '/images' }] : []}
    >
      {repository ? (
        <RepositoryImages
          key={repository}
          repository={repository}
          registry={about?.registry ?? location.host}
        />
      ) : (
        <Repositories registry={about?.registry} />
      )}
    </PageFrame>
  );
}

const columns: readonly DataColumn<RepositorySummary>[] = [
  {
    title: 'Repository',
    grows: true,
    cell: ({ name }) => (
      <To page={`/images?${new URLSearchParams({ repository: name })}`}>
        <strong>{name}</strong>
      </To>
    ),
  },
  { title: 'Tags', align: 'right', cell: ({ tags }) => tags },
  { title: 'Manifests', align: 'right', cell: ({ manifests }) => manifests },
];

function Repositories({ registry }: { registry: string | undefined }) {
  const list = useJson<{ items: RepositorySummary[] }>('/tagboat/images');
  if (list.error) return <Failed error={list.error} retry={() => void list.refetch()} />;
  if (!list.data) return <Loading />;
  const outside = registry !== undefined && registry !== location.host;
  if (list.data.items.length === 0)
    return (
      <Empty title="Nothing is pushed yet">
        {outside ? (
          <>Images go to {registry}; that registry's own console shows them.</>
        ) : (
          <>
            A release builds an image. Any client can push one too:{' '}
            <code>docker push {location.host}/demo/app:v1</code>
          </>
        )}
      </Empty>
    );
  return (
    <div className="tb-stack">
      {outside && <p className="tb-quiet">New images go to {registry}; these are kept here.</p>}
      <DataTable
        label="Image repositories"
        columns={columns}
        rows={list.data.items}
        keyOf={({ name }) => name}
      />
    </div>
  );
}
