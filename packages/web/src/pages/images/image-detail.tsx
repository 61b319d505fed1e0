import { Label } from '@patternfly/react-core';
import type { Experiment } from '@tagboat/api';
import { Command, type DataColumn, DataTable, type Fact, Facts, To } from '../../components/index.ts';
import { bytes } from '../../data/bytes.ts';
import { shortDigest } from '../model/model-data.ts';
import {
  type ComparedLayer,
  compareLayers,
  kindOf,
  type Manifest,
  newBytes,
  pullCommands,
  type Use,
} from './image-data.ts';

export interface ImageDetailProps {
  readonly manifest: Manifest;
  readonly before: Manifest | undefined;
  readonly repository: string;
  readonly registry: string;
  readonly uses: readonly Use[];
  readonly made: readonly Experiment[];
  readonly referrers: readonly Manifest[];
}

/** One manifest: its layers beside those of the one before, where it came from, who uses it, how to fetch it. */
export function ImageDetail(props: ImageDetailProps) {
  const { manifest, before, repository, registry, uses, made, referrers } = props;
  const layers = compareLayers(manifest, before);
  const reference = `${registry}/${repository}@${manifest.digest}`;
  return (
    <div className="tb-stack">
      <section className="tb-panel tb-stack" aria-label="Layers">
        <div className="tb-panel__head">
          <h2>
            {kindOf(manifest)} <span className="tb-mono">{shortDigest(manifest.digest)}</span>
          </h2>
          <span className="tb-quiet">
            {bytes(manifest.size)}
            {manifest.platform && `, ${manifest.platform}`}
          </span>
        </div>
        {before && (
          <p>
            Whoever has <span className="tb-mono">{shortDigest(before.digest)}</span>, pushed before it,
            fetches <strong>{bytes(newBytes(layers))}</strong>; the other layers are the same.
          </p>
        )}
        <LayerBar layers={layers} />
        <DataTable
          label="Layers"
          columns={layerColumns(before !== undefined)}
          rows={layers}
          keyOf={({ digest }, index) => `${digest} ${index}`}
        />
      </section>
      <div className="tb-columns">
        <Provenance made={made} manifest={manifest} referrers={referrers} />
        <section className="tb-panel" aria-label="Who uses it">
          <h2>Who uses it</h2>
          {uses.length === 0 ? (
            <p className="tb-quiet">Nothing that runs here.</p>
          ) : (
            <ul className="tb-stack">
              {uses.map(({ kind, namespace, name }) => (
                <li key={`${kind} ${namespace} ${name}`}>
                  {kind} <strong>{name}</strong> in {namespace}
                </li>
              ))}
            </ul>
          )}
        </section>
      </div>
      <section className="tb-panel tb-stack" aria-label="Fetch it">
        <h2>Fetch it</h2>
        {pullCommands(manifest, reference).map((command) => (
          <Command key={command} text={command} />
        ))}
        <p className="tb-quiet">
          The user name is <code>tagboat</code>, the password the owner's token:{' '}
          <code>docker login {registry}</code>
        </p>
      </section>
    </div>
  );
}

/** The layers by size. */
function LayerBar({ layers }: { layers: readonly ComparedLayer[] }) {
  return (
    <div className="tb-layer-bar" role="img" aria-label="Layers by size">
      {layers.map(({ digest, share, isNew, size }, index) => (
        <span
          key={`${digest} ${index}`}
          className={isNew ? 'tb-layer-bar__new' : ''}
          style={{ flexGrow: Math.max(share, 0.004) }}
          title={`${shortDigest(digest)}: ${bytes(size)}${isNew ? ', new' : ''}`}
        />
      ))}
    </div>
  );
}

function layerColumns(compared: boolean): DataColumn<ComparedLayer>[] {
  return [
    { title: 'Layer', cell: ({ digest }) => <span className="tb-mono">{shortDigest(digest)}</span> },
    {
      title: 'Content',
      grows: true,
      cell: ({ title, createdBy, mediaType }) =>
        title ?? createdBy ?? <span className="tb-quiet">{mediaType}</span>,
    },
    { title: 'Size', align: 'right', cell: ({ size }) => bytes(size) },
    ...(compared
      ? [
          {
            title: 'Beside the one before',
            cell: ({ isNew }: ComparedLayer) =>
              isNew ? (
                <Label isCompact color="green">
                  new
                </Label>
              ) : (
                <span className="tb-quiet">the same</span>
              ),
          },
        ]
      : []),
  ];
}

function Provenance({
  made,
  manifest,
  referrers,
}: {
  made: readonly Experiment[];
  manifest: Manifest;
  referrers: readonly Manifest[];
}) {
  const notes = Object.entries(manifest.annotations);
  return (
    <section className="tb-panel tb-stack" aria-label="Where it came from">
      <h2>Where it came from</h2>
      {made.length === 0 && notes.length === 0 && (
        <p className="tb-quiet">No run recorded it: it was pushed from elsewhere, or its records are gone.</p>
      )}
      {made.map(({ metadata, spec }) => (
        <Facts key={metadata.name} facts={experimentFacts(metadata.namespace ?? '', spec!)} />
      ))}
      {notes.length > 0 && <Facts facts={notes} />}
      {referrers.map((one) => (
        <p key={one.digest}>
          {kindOf(one)} <span className="tb-mono">{shortDigest(one.digest)}</span> refers to it.
        </p>
      ))}
    </section>
  );
}

function experimentFacts(project: string, spec: NonNullable<Experiment['spec']>): Fact[] {
  const { pipelineRun, repository, commit, tag, model, data } = spec;
  const link = (page: string, text: string) => (
    <To key={page} page={page}>
      {text}
    </To>
  );
  const history = `/projects/${project}/${repository}?tab=commits&commit=${commit}`;
  return [
    ['Run', link(`/runs/${project}/${pipelineRun}`, pipelineRun)],
    [
      'Commit',
      <span key="commit">
        {link(history, commit.slice(0, 10))} {tag}
      </span>,
    ],
    ['Model', link(`/models/${project}/${model}?tab=lineage`, model)],
    ...Object.entries(data).map(
      ([name, digest]): Fact => [
        `Data: ${name}`,
        <span key={name} className="tb-mono">
          {shortDigest(digest)}
        </span>,
      ],
    ),
  ];
}
