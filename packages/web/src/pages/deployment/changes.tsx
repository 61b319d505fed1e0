import type { KubernetesObject } from '@tagboat/api';
import type { TagboatError } from '@tagboat/base';
import { useQuery } from '@tanstack/react-query';
import { stringify } from 'yaml';
import { Empty, Equivalent, Failed, Loading, Status } from '../../components/index.ts';
import { Code } from '../../content/code.tsx';
import { DiffView, diffOf } from '../../content/diff-view.tsx';
import { fetchJson } from '../../data/client.ts';
import type { Application } from './application.ts';

interface Managed {
  readonly revision: string;
  readonly items: readonly {
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
    readonly live?: KubernetesObject;
    readonly target?: KubernetesObject;
    readonly differs: boolean;
  }[];
}

/** Each object as it is beside what the repository declares now. */
export function Changes({ application }: { application: Application }) {
  const { name, resourceVersion } = application.metadata;
  const managed = useQuery<Managed, TagboatError>({
    queryKey: ['managed', name, resourceVersion],
    queryFn: () => fetchJson<Managed>(`/tagboat/applications/${name}/managed-resources`),
    placeholderData: (before) => before,
  });
  if (managed.error) return <Failed error={managed.error} retry={() => void managed.refetch()} />;
  if (!managed.data) return <Loading />;
  const { items, revision } = managed.data;
  if (items.length === 0)
    return (
      <Empty title="The repository declares nothing here yet">The first release writes what is to run.</Empty>
    );
  return (
    <div className="tb-stack">
      <div className="tb-row tb-row--between">
        <p className="tb-quiet">
          Removed lines are live, added ones are what commit{' '}
          <span className="tb-mono">{revision.slice(0, 10)}</span> makes of them.
        </p>
        <Equivalent text={`argocd app diff ${name}`} />
      </div>
      {items.map((item) => (
        <section
          className="tb-panel"
          key={`${item.kind}/${item.namespace}/${item.name}`}
          aria-label={item.name}
        >
          <div className="tb-panel__head">
            <h2>
              <span className="tb-quiet">{item.kind}</span> {item.name}
            </h2>
            <Status status={item.differs ? 'outofsync' : 'synced'} />
          </div>
          {item.differs ? (
            <DiffView
              lines={diffOf(yamlOf(item.live), yamlOf(item.target))}
              language="yaml"
              label={`What a sync changes of ${item.name}`}
            />
          ) : (
            <Code text={yamlOf(item.live)} language="yaml" label={item.name} />
          )}
        </section>
      ))}
    </div>
  );
}

const yamlOf = (object: KubernetesObject | undefined) =>
  object ? stringify(object, { lineWidth: 0, sortMapEntries: true }) : '';
