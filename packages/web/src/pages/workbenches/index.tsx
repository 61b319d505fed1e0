import { Button } from '@patternfly/react-core';
import LaptopCodeIcon from '@patternfly/react-icons/dist/esm/icons/laptop-code-icon';
import { kinds, type Notebook, notebookAnnotations } from '@tagboat/api';
import { useState } from 'react';
import {
  ActionButton,
  Ago,
  Command,
  type DataColumn,
  DataTable,
  Empty,
  Gate,
  PageFrame,
  Status,
  To,
} from '../../components/index.ts';
import { bytes } from '../../data/bytes.ts';
import { useList } from '../../data/use-list.ts';
import { Spawner } from './spawner.tsx';
import { StartProgress } from './start-progress.tsx';
import { deleteWorkbench, nameOf, openPath, startWorkbench, stateOf, stopWorkbench } from './workbenches.ts';
import './workbenches.css';

/** JupyterLabs with a project in each: make one, open it, stop it. */
export default function WorkbenchesPage() {
  const notebooks = useList<Notebook>(kinds.Notebook);
  const [spawning, setSpawning] = useState(false);
  const spawn = (
    <Button variant="primary" onClick={() => setSpawning(true)}>
      New workbench
    </Button>
  );
  return (
    <PageFrame
      title="Workbenches"
      subtitle="JupyterLab, with a project's repository and environment in it"
      actions={spawn}
    >
      <Gate of={[notebooks]}>
        {() =>
          notebooks.items.length === 0 ? (
            <Empty title="There are no workbenches yet" icon={LaptopCodeIcon} actions={spawn}>
              A workbench is a JupyterLab with a project in it: what is pushed from there moves the loop.
              <Command text="tagboat workbench create" />
            </Empty>
          ) : (
            <DataTable label="Workbenches" columns={columns} rows={notebooks.items} keyOf={nameOf} />
          )
        }
      </Gate>
      {spawning && <Spawner taken={notebooks.items.map(nameOf)} close={() => setSpawning(false)} />}
    </PageFrame>
  );
}

const columns: readonly DataColumn<Notebook>[] = [
  {
    title: 'Workbench',
    cell: (notebook) => (
      <>
        <strong>{notebook.metadata.name}</strong>
        <div className="tb-quiet">{notebook.metadata.namespace}</div>
      </>
    ),
  },
  { title: 'State', grows: true, cell: (notebook) => <State notebook={notebook} /> },
  {
    title: 'Environment',
    cell: ({ metadata }) => metadata.annotations?.[notebookAnnotations.profile] ?? '–',
  },
  {
    title: 'Repository',
    cell: ({ metadata }) => {
      const name = metadata.annotations?.[notebookAnnotations.repository];
      return name ? <To page={`/projects/${metadata.namespace}/${name}`}>{name}</To> : '–';
    },
  },
  { title: 'Last used', cell: ({ status }) => <Ago at={status?.lastActivity} /> },
  {
    title: 'Files',
    align: 'right',
    cell: ({ status }) => (status?.diskUse === undefined ? '–' : bytes(status.diskUse)),
  },
  { title: 'Actions', cell: (notebook) => <Actions notebook={notebook} /> },
];

function State({ notebook }: { notebook: Notebook }) {
  const { phase, status, message } = stateOf(notebook);
  return (
    <div className="tb-workbench-state">
      {phase === 'Starting' ? (
        <StartProgress notebook={notebook} />
      ) : (
        <Status status={status}>{phase}</Status>
      )}
      {phase !== 'Starting' && message && <div className="tb-quiet">{message}</div>}
    </div>
  );
}

function Actions({ notebook }: { notebook: Notebook }) {
  const { phase, stopped } = stateOf(notebook);
  const name = nameOf(notebook);
  if (phase === 'Deleting') return null;
  return (
    <div className="tb-workbench-actions">
      {phase === 'Running' && (
        <a
          className="pf-v6-c-button pf-m-primary"
          href={openPath(notebook)}
          target="_blank"
          rel="noreferrer"
          aria-label={`Open ${name}`}
        >
          Open
        </a>
      )}
      {stopped || phase === 'Failed' ? (
        <ActionButton
          label={stopped ? 'Start' : 'Try again'}
          command={`tagboat workbench start ${name}`}
          act={() => startWorkbench(notebook)}
        />
      ) : (
        <ActionButton
          label="Stop"
          command={`tagboat workbench stop ${name}`}
          act={() => stopWorkbench(notebook)}
          isDisabled={phase === 'Stopping'}
        />
      )}
      <ActionButton
        label="Delete"
        variant="link"
        command={`tagboat workbench delete ${name}`}
        act={() => deleteWorkbench(notebook)}
        confirm={{
          title: `Delete ${name}?`,
          danger: true,
          body: 'What runs in it is ended. A snapshot of its files goes to the registry first; then its files are deleted. Commits that were pushed stay where they are.',
        }}
      />
    </div>
  );
}
