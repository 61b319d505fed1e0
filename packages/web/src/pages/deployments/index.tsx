import { SearchInput, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import { kinds } from '@tagboat/api';
import { useNavigate, useSearch } from '@tanstack/react-router';
import type { CSSProperties } from 'react';
import {
  Ago,
  colourOf,
  type DataColumn,
  DataTable,
  Empty,
  Facts,
  Gate,
  PageFrame,
  Status,
  statusNamed,
  To,
  useAsScrolled,
} from '../../components/index.ts';
import type { InferenceService } from '../../data/platform-kinds.ts';
import { useList } from '../../data/use-list.ts';
import { type Application, ownerOf } from '../deployment/application.ts';
import '../deployment/deployment.css';

interface Row {
  readonly application: Application;
  readonly tag: string;
}

/** Every application, in Argo CD's colours. */
export default function DeploymentsPage() {
  const applications = useList<Application>(kinds.Application);
  const services = useList<InferenceService>(kinds.InferenceService);
  return (
    <PageFrame title="Deployments" subtitle="What git declares, and what runs">
      <Gate of={[applications, services]}>
        {() => <Applications rows={rowsOf(applications.items, services.items)} />}
      </Gate>
    </PageFrame>
  );
}

function rowsOf(applications: readonly Application[], services: readonly InferenceService[]): Row[] {
  return applications
    .map((application) => {
      const owner = ownerOf(application);
      const namespace = application.spec?.destination.namespace;
      const service = services.find(
        ({ metadata }) => metadata.namespace === namespace && metadata.name === owner?.model,
      );
      return { application, tag: service?.metadata.annotations?.['tagboat.dev/tag'] ?? '' };
    })
    .sort((a, b) => (a.application.metadata.name < b.application.metadata.name ? -1 : 1));
}

const columns: readonly DataColumn<Row>[] = [
  {
    title: 'Application',
    cell: ({ application: { metadata } }) => (
      <To page={`/deployments/${metadata.name}`}>
        <strong>{metadata.name}</strong>
      </To>
    ),
  },
  {
    title: 'Health',
    cell: ({ application: { status } }) => (
      <Status status={statusNamed(status?.health?.status)}>{status?.health?.status}</Status>
    ),
  },
  {
    title: 'Sync',
    cell: ({ application: { status } }) => (
      <Status status={statusNamed(status?.sync?.status)}>{status?.sync?.status}</Status>
    ),
  },
  { title: 'Release', cell: ({ tag }) => tag || 'none' },
  { title: 'Namespace', cell: ({ application: { spec } }) => spec?.destination.namespace },
  {
    title: 'Revision',
    cell: ({ application: { status } }) => (
      <span className="tb-mono">{status?.sync?.revision?.slice(0, 10)}</span>
    ),
  },
  {
    title: 'Last sync',
    cell: ({ application: { status } }) => <Ago at={status?.operationState?.finishedAt} />,
  },
];

function Applications({ rows }: { rows: readonly Row[] }) {
  const search: { view?: string; text?: string } = useSearch({ strict: false });
  const navigate = useNavigate();
  const set = (change: object) =>
    void navigate({ to: '.', search: { ...search, ...change } as never, replace: true });
  if (rows.length === 0)
    return (
      <Empty title="Nothing is deployed yet">
        A model with <code>deploy</code> in its tagboat.yaml makes an application per environment. Any Argo CD
        Application works too: <code>kubectl apply -f application.yaml</code>
      </Empty>
    );
  const words = (search.text ?? '').toLowerCase();
  const shown = rows.filter(({ application }) =>
    JSON.stringify(application.metadata).toLowerCase().includes(words),
  );
  const asList = search.view === 'list' || (rows.length > 60 && search.view !== 'tiles');
  return (
    <div className="tb-stack">
      <div className="tb-row tb-row--between">
        <SearchInput
          className="tb-search"
          aria-label="Filter by name"
          placeholder="Filter by name"
          value={search.text ?? ''}
          onChange={(_event, text) => set({ text })}
          onClear={() => set({ text: '' })}
        />
        <ToggleGroup aria-label="View">
          <ToggleGroupItem
            text="Tiles"
            buttonId="tiles"
            isSelected={!asList}
            onChange={() => set({ view: 'tiles' })}
          />
          <ToggleGroupItem
            text="List"
            buttonId="list"
            isSelected={asList}
            onChange={() => set({ view: 'list' })}
          />
        </ToggleGroup>
      </div>
      {shown.length === 0 ? (
        <Empty title="No application has such a name" />
      ) : asList ? (
        <DataTable
          label="Applications"
          columns={columns}
          rows={shown}
          keyOf={({ application }) => application.metadata.name}
        />
      ) : (
        <Tiles rows={shown} />
      )}
    </div>
  );
}

function Tiles({ rows }: { rows: readonly Row[] }) {
  const { shown, end } = useAsScrolled(rows, 60);
  return (
    <>
      <div className="tb-tiles">
        {shown.map((row) => (
          <Tile key={row.application.metadata.name} row={row} />
        ))}
      </div>
      {end}
    </>
  );
}

function Tile({ row: { application, tag } }: { row: Row }) {
  const { metadata, spec, status } = application;
  const health = statusNamed(status?.health?.status);
  const owner = ownerOf(application);
  return (
    <article
      className="tb-tile"
      style={{ '--tb-tile-colour': colourOf(health) } as CSSProperties}
      aria-label={metadata.name}
    >
      <div className="tb-tile__head">
        <To page={`/deployments/${metadata.name}`}>
          <strong>{metadata.name}</strong>
        </To>
        {tag ? (
          <span className="tb-mono">{tag}</span>
        ) : (
          <span className="tb-quiet">nothing released yet</span>
        )}
      </div>
      <div className="tb-row">
        <Status status={health}>{status?.health?.status}</Status>
        <Status status={statusNamed(status?.sync?.status)}>{status?.sync?.status}</Status>
      </div>
      <Facts
        arranged="rows"
        facts={[
          ['Model', owner && <To page={`/models/${owner.project}/${owner.model}`}>{owner.model}</To>],
          [
            'Path',
            <span key="path" className="tb-mono">
              {spec?.source.path ?? '.'}
            </span>,
          ],
          ['Namespace', spec?.destination.namespace],
          ['Last sync', <Ago key="sync" at={status?.operationState?.finishedAt} />],
        ]}
      />
    </article>
  );
}
