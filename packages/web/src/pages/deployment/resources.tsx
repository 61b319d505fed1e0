import { type KubernetesObject, kinds } from '@tagboat/api';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { Gate, StatusIcon } from '../../components/index.ts';
import { useList } from '../../data/use-list.ts';
import { type Box, LayeredGraph } from '../../layered-graph/layered-graph.tsx';
import type { Application } from './application.ts';
import { ResourcePanel } from './resource-panel.tsx';
import { resourceTree, type TreeNode } from './resource-tree.ts';

/** What the application declares and what follows from it; one chosen object below. */
export function Resources({ application }: { application: Application }) {
  const query = { namespace: application.spec?.destination.namespace ?? '' };
  const lists = [
    useList<KubernetesObject>(kinds.InferenceService, query),
    useList<KubernetesObject>(kinds.Deployment, query),
    useList<KubernetesObject>(kinds.Service, query),
    useList<KubernetesObject>(kinds.ReplicaSet, query),
    useList<KubernetesObject>(kinds.Pod, query),
    useList<KubernetesObject>(kinds.ConfigMap, query),
    useList<KubernetesObject>(kinds.Job, query),
    useList<KubernetesObject>(kinds.CronJob, query),
  ];
  const [first, second, third, fourth, fifth, sixth, seventh, eighth] = lists.map(({ items }) => items);
  const objects = useMemo(
    () => [first, second, third, fourth, fifth, sixth, seventh, eighth].flatMap((items) => items ?? []),
    [first, second, third, fourth, fifth, sixth, seventh, eighth],
  );
  const tree = useMemo(() => resourceTree(application, objects), [application, objects]);
  const boxes = useMemo(() => tree.nodes.map(boxOf), [tree]);
  const search: { node?: string } = useSearch({ strict: false });
  const navigate = useNavigate();
  const node = tree.nodes.find(({ id }) => id === search.node);
  const choose = (id: string) =>
    void navigate({ to: '.', search: (id === search.node ? {} : { node: id }) as never, replace: true });
  return (
    <Gate of={lists}>
      {() => (
        <>
          <LayeredGraph
            label="Resources"
            nodes={boxes}
            edges={tree.edges}
            selected={node?.id}
            onSelect={choose}
          />
          {node && node.id !== 'application' ? (
            <ResourcePanel key={node.id} node={node} />
          ) : (
            <p className="tb-quiet">
              Choose an object for its state, events and YAML; a pod also for its log and a shell.
            </p>
          )}
        </>
      )}
    </Gate>
  );
}

function boxOf({ id, column, kind, title, detail, health, synced }: TreeNode): Box {
  return {
    id,
    column,
    kind,
    title,
    detail,
    badge: (
      <span className="tb-badges">
        {synced && <StatusIcon status={synced} />}
        {health && <StatusIcon status={health} />}
      </span>
    ),
  };
}
