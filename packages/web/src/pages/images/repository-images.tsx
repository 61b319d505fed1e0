import { Button, Label } from '@patternfly/react-core';
import { type Experiment, type KubernetesObject, kinds } from '@tagboat/api';
import { useSearch } from '@tanstack/react-router';
import { Ago, type DataColumn, DataTable, Empty, Failed, Gate, Loading, To } from '../../components/index.ts';
import { bytes } from '../../data/bytes.ts';
import { useList } from '../../data/use-list.ts';
import { shortDigest } from '../model/model-data.ts';
import { compareLayers, kindOf, type Manifest, madeBy, newBytes, usesOf } from './image-data.ts';
import { ImageDetail } from './image-detail.tsx';
import { useManifests } from './use-manifests.ts';

/** The manifests of one repository; the chosen one below, in detail. */
export function RepositoryImages({ repository, registry }: { repository: string; registry: string }) {
  const search: { digest?: string } = useSearch({ strict: false });
  const manifests = useManifests(repository);
  const experiments = useList<Experiment>(kinds.Experiment);
  const services = useList<KubernetesObject>(kinds.InferenceService);
  const deployments = useList<KubernetesObject>(kinds.Deployment);
  if (manifests.error) return <Failed error={manifests.error} retry={() => void manifests.refetch()} />;
  if (!manifests.data) return <Loading />;
  const items = manifests.data.pages.flatMap((page) => page.items);
  const total = manifests.data.pages[0]!.total;
  if (items.length === 0) return <Empty title="Nothing is in this repository" />;
  const users = [...services.items, ...deployments.items.filter(({ metadata }) => !metadata.ownerReferences)];
  const chosen = items.find(({ digest }) => digest === search.digest) ?? items[0]!;
  return (
    <Gate of={[experiments, services, deployments]}>
      {() => (
        <div className="tb-stack">
          <DataTable
            label="Manifests"
            columns={columnsFor({ repository, items, users, experiments: experiments.items })}
            rows={items}
            keyOf={({ digest }) => digest}
            isSelected={({ digest }) => digest === chosen.digest}
          />
          {manifests.hasNextPage && (
            <Button
              variant="secondary"
              isLoading={manifests.isFetchingNextPage}
              onClick={() => void manifests.fetchNextPage()}
            >
              Show older ones; {items.length} of {total} are shown
            </Button>
          )}
          <ImageDetail
            key={chosen.digest}
            manifest={chosen}
            before={earlier(items, chosen)}
            repository={repository}
            registry={registry}
            uses={usesOf(chosen.digest, users)}
            made={madeBy(chosen.digest, experiments.items)}
            referrers={items.filter(({ subject }) => subject === chosen.digest)}
          />
        </div>
      )}
    </Gate>
  );
}

const earlier = (items: readonly Manifest[], one: Manifest) =>
  items.slice(items.indexOf(one) + 1).find(({ artifactType }) => artifactType === one.artifactType);

interface ColumnInputs {
  readonly repository: string;
  readonly items: readonly Manifest[];
  readonly users: readonly KubernetesObject[];
  readonly experiments: readonly Experiment[];
}

function columnsFor({ repository, items, users, experiments }: ColumnInputs): DataColumn<Manifest>[] {
  const page = (digest: string) => `/images?${new URLSearchParams({ repository, digest })}`;
  return [
    {
      title: 'Digest',
      cell: ({ digest }) => (
        <To page={page(digest)} className="tb-mono" title={digest}>
          {shortDigest(digest)}
        </To>
      ),
    },
    {
      title: 'Tags',
      grows: true,
      cell: ({ tags, digest }) => (
        <span className="tb-row">
          {tags.map((tag) => (
            <Label key={tag} isCompact color="blue">
              {tag.length > 40 ? `${tag.slice(0, 12)}…` : tag}
            </Label>
          ))}
          {madeBy(digest, experiments)
            .flatMap(({ spec }) => spec?.tag ?? [])
            .filter((tag) => !tags.includes(tag))
            .map((tag) => (
              <Label key={tag} isCompact variant="outline">
                made for {tag}
              </Label>
            ))}
        </span>
      ),
    },
    { title: 'What', cell: kindOf },
    { title: 'Size', align: 'right', cell: ({ size }) => bytes(size) },
    {
      title: 'New bytes',
      align: 'right',
      cell: (manifest) => {
        const before = earlier(items, manifest);
        return before ? bytes(newBytes(compareLayers(manifest, before))) : '';
      },
    },
    {
      title: 'Runs in',
      cell: ({ digest }) => [...new Set(usesOf(digest, users).map(({ namespace }) => namespace))].join(', '),
    },
    { title: 'Pushed', cell: ({ pushed }) => <Ago at={pushed} /> },
  ];
}
