import { FormSelect, FormSelectOption } from '@patternfly/react-core';
import { useMemo, useState } from 'react';
import { Command, Empty, To } from '../../components/index.ts';
import { LayeredGraph } from '../../layered-graph/layered-graph.tsx';
import { related } from '../../layered-graph/layout.ts';
import { type LineageBox, lineageOf } from './lineage.ts';
import type { Environment, Version } from './model-data.ts';

export interface LineageTabProps {
  readonly project: string;
  readonly model: string;
  readonly versions: readonly Version[];
  readonly environments: readonly Environment[];
  readonly requests: ReadonlyMap<string, number>;
}

const shownAtOnce = 6;

/** Where each version came from, and where it went: choose a box to see only what belongs to it. */
export function LineageTab(props: LineageTabProps) {
  const { versions } = props;
  const [which, setWhich] = useState('deployed');
  const [selected, setSelected] = useState<string>();
  const chosen = useMemo(() => chosenVersions(versions, which), [versions, which]);
  const { project, model, environments, requests } = props;
  const graph = useMemo(
    () => lineageOf({ project, model, versions: chosen, environments, requests }),
    [project, model, chosen, environments, requests],
  );
  if (versions.length === 0)
    return <Empty title="Nothing is recorded yet">The first run draws the first line.</Empty>;
  const node = graph.nodes.find(({ id }) => id === selected);
  return (
    <div className="tb-stack">
      <div className="tb-row">
        <FormSelect
          value={which}
          onChange={(_event, value) => setWhich(value)}
          aria-label="Which versions"
          className="tb-narrow"
        >
          <FormSelectOption value="deployed" label="What is deployed" />
          <FormSelectOption value="newest" label={`The newest ${shownAtOnce} versions`} />
          {versions.slice(0, 100).map(({ experiment, name }) => (
            <FormSelectOption
              key={experiment.metadata.name}
              value={experiment.metadata.name}
              label={`${name} (${experiment.metadata.name})`}
            />
          ))}
        </FormSelect>
        <span className="tb-quiet">Data on the left, predictions on the right.</span>
      </div>
      <LayeredGraph
        label="Lineage"
        nodes={graph.nodes}
        edges={graph.edges}
        selected={selected}
        onSelect={(id) => setSelected(id === selected ? undefined : id)}
      />
      {node && <Chosen node={node} related={related(node.id, graph.edges).size - 1} />}
    </div>
  );
}

function chosenVersions(versions: readonly Version[], which: string): readonly Version[] {
  if (which === 'newest') return versions.slice(0, shownAtOnce);
  if (which !== 'deployed') return versions.filter(({ experiment }) => experiment.metadata.name === which);
  const deployed = versions.filter(({ environments }) => environments.length > 0);
  return deployed.length > 0 ? deployed : versions.slice(0, 1);
}

function Chosen({ node, related: count }: { node: LineageBox; related: number }) {
  const traceable = node.what !== 'environment' && node.what !== 'requests';
  return (
    <section className="tb-panel" aria-label={node.kind}>
      <h2>{node.kind}</h2>
      <div className="tb-selected-facts">
        <p className="tb-mono">{node.full}</p>
        <p className="tb-quiet">{count} others lead here or come from it.</p>
        <div className="tb-row">
          {node.to && <To page={node.to}>Open</To>}
          {traceable && <Command text={`tagboat trace ${node.full.replace('sha256:', '').slice(0, 16)}`} />}
        </div>
      </div>
    </section>
  );
}
