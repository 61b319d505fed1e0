import { FormSelect, FormSelectOption, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import { type Condition, type KubernetesObject, kinds } from '@tagboat/api';
import { Suspense, useState } from 'react';
import { stringify } from 'yaml';
import {
  Ago,
  type DataColumn,
  DataTable,
  Equivalent,
  Gate,
  Loading,
  Status,
  statusNamed,
} from '../../components/index.ts';
import { Code } from '../../content/code.tsx';
import { lazyPart } from '../../data/part.ts';
import { useList } from '../../data/use-list.ts';
import '../../content/content.css';
import type { TreeNode } from './resource-tree.ts';

const LogView = lazyPart(() => import('../../log/log-view.tsx'), 'LogView');
const Terminal = lazyPart(() => import('./terminal.tsx'), 'Terminal');

type Part = 'conditions' | 'yaml' | 'events' | 'log' | 'terminal';

const titles: Readonly<Record<Part, string>> = {
  conditions: 'State',
  yaml: 'YAML',
  events: 'Events',
  log: 'Log',
  terminal: 'Terminal',
};

/** One object of the tree: its state, its YAML, its events, and for a pod its log and a shell. */
export function ResourcePanel({ node }: { node: TreeNode }) {
  const isPod = node.kind === 'Pod';
  const parts: Part[] = isPod
    ? ['log', 'terminal', 'conditions', 'events', 'yaml']
    : ['conditions', 'events', 'yaml'];
  const [chosen, setChosen] = useState<Part>();
  const part = chosen && parts.includes(chosen) ? chosen : parts[0]!;
  const { object } = node;
  return (
    <section className="tb-panel" aria-label={`${node.kind} ${node.title}`}>
      <div className="tb-panel__head">
        <h2>
          <span className="tb-quiet">{node.kind}</span> {node.title}
        </h2>
        <Equivalent
          text={`kubectl get ${node.kind.toLowerCase()} ${node.title} -n ${node.namespace} -o yaml`}
        />
      </div>
      {!object ? (
        <p className="tb-quiet">It is declared, and not there. A sync makes it.</p>
      ) : (
        <>
          <div className="tb-toggle-row">
            <ToggleGroup aria-label="What to show of it">
              {parts.map((key) => (
                <ToggleGroupItem
                  key={key}
                  text={titles[key]}
                  buttonId={`part-${key}`}
                  isSelected={key === part}
                  onChange={() => setChosen(key)}
                />
              ))}
            </ToggleGroup>
          </div>
          <Suspense fallback={<Loading rows={3} />}>
            <PartView part={part} object={object} />
          </Suspense>
        </>
      )}
    </section>
  );
}

function PartView({ part, object }: { part: Part; object: KubernetesObject }) {
  switch (part) {
    case 'yaml':
      return <Code text={stringify(object, { lineWidth: 0 })} language="yaml" label="YAML" />;
    case 'events':
      return <Events object={object} />;
    case 'log':
    case 'terminal':
      return <Container object={object} part={part} />;
    default:
      return <Conditions object={object} />;
  }
}

function Container({ object, part }: { object: KubernetesObject; part: 'log' | 'terminal' }) {
  const spec = object.spec as
    | { containers?: { name: string }[]; initContainers?: { name: string }[] }
    | undefined;
  const names = [...(spec?.containers ?? []), ...(part === 'log' ? (spec?.initContainers ?? []) : [])].map(
    ({ name }) => name,
  );
  const [chosen, setChosen] = useState(names[0] ?? '');
  const [selected, setSelected] = useState<readonly [number, number]>();
  const of = { namespace: object.metadata.namespace ?? '', pod: object.metadata.name, container: chosen };
  return (
    <div className="tb-stack">
      {names.length > 1 && (
        <FormSelect
          className="tb-narrow"
          aria-label="Container"
          value={chosen}
          onChange={(_event, value) => setChosen(value)}
        >
          {names.map((name) => (
            <FormSelectOption key={name} value={name} label={name} />
          ))}
        </FormSelect>
      )}
      {part === 'log' ? (
        <div className="tb-log-frame">
          <LogView key={chosen} of={of} selected={selected} onSelect={setSelected} />
        </div>
      ) : (
        <>
          <Terminal key={chosen} {...of} />
          <span>
            <Equivalent text={`kubectl exec -it ${of.pod} -n ${of.namespace} -c ${of.container} -- sh`} />
          </span>
        </>
      )}
    </div>
  );
}

const conditionColumns: readonly DataColumn<Condition>[] = [
  { title: 'Condition', cell: ({ type, status }) => <Status status={statusNamed(status)}>{type}</Status> },
  { title: 'Reason', cell: ({ reason }) => reason },
  { title: 'Message', grows: true, cell: ({ message }) => message },
  { title: 'Since', cell: ({ lastTransitionTime }) => <Ago at={lastTransitionTime} /> },
];

function Conditions({ object }: { object: KubernetesObject }) {
  const conditions = (object.status as { conditions?: Condition[] } | undefined)?.conditions ?? [];
  if (conditions.length === 0) return <p className="tb-quiet">This kind says nothing of its state.</p>;
  return (
    <DataTable label="Conditions" columns={conditionColumns} rows={conditions} keyOf={({ type }) => type} />
  );
}

export type EventObject = KubernetesObject & {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
  readonly lastTimestamp?: string;
  readonly eventTime?: string;
  readonly involvedObject?: { readonly kind?: string; readonly name?: string; readonly uid?: string };
};

export const eventColumns: readonly DataColumn<EventObject>[] = [
  {
    title: 'Reason',
    cell: ({ type, reason }) => <Status status={type === 'Warning' ? 'warning' : 'info'}>{reason}</Status>,
  },
  {
    title: 'Object',
    cell: ({ involvedObject }) => `${involvedObject?.kind ?? ''} ${involvedObject?.name ?? ''}`,
  },
  { title: 'Message', grows: true, cell: ({ message }) => message },
  { title: 'Times', align: 'right', cell: ({ count }) => count ?? 1 },
  { title: 'Last', cell: (event) => <Ago at={eventTime(event)} /> },
];

export const eventTime = ({ lastTimestamp, eventTime: time, metadata }: EventObject) =>
  lastTimestamp ?? time ?? metadata.creationTimestamp ?? '';

function Events({ object }: { object: KubernetesObject }) {
  const events = useList<EventObject>(kinds.Event, { namespace: object.metadata.namespace ?? '' });
  const own = events.items
    .filter(
      ({ involvedObject: about }) => about?.name === object.metadata.name && about?.kind === object.kind,
    )
    .sort((a, b) => (eventTime(a) < eventTime(b) ? 1 : -1));
  return (
    <Gate of={[events]} rows={3}>
      {() =>
        own.length === 0 ? (
          <p className="tb-quiet">No event of it is kept.</p>
        ) : (
          <DataTable
            label="Events"
            columns={eventColumns}
            rows={own}
            keyOf={({ metadata }) => metadata.name}
          />
        )
      }
    </Gate>
  );
}
