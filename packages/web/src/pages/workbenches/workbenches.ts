import { findCondition, type Notebook, notebookAnnotations, type WorkbenchPhase } from '@tagboat/api';
import type { StatusName } from '../../components/index.ts';
import { client } from '../../data/client.ts';

const root = '/tagboat/workbenches';

export interface ProfileChoice {
  readonly display_name: string;
  readonly default?: boolean;
}

/** One entry of JupyterHub's `profileList`, as far as the page shows it. */
export interface Profile {
  readonly slug: string;
  readonly display_name: string;
  readonly description?: string;
  readonly default?: boolean;
  readonly profile_options?: Readonly<
    Record<
      string,
      { readonly display_name: string; readonly choices: Readonly<Record<string, ProfileChoice>> }
    >
  >;
}

export interface WorkbenchRequest {
  readonly namespace: string;
  readonly name: string;
  readonly profile: string;
  readonly options: Readonly<Record<string, string>>;
  readonly repository?: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  readonly storage?: string;
  readonly idleTimeout?: string;
}

const pathOf = ({ metadata }: Notebook, action = '') =>
  `${root}/${metadata.namespace}/${metadata.name}${action && `/${action}`}`;

export const profilesPath = (namespace: string) => `${root}/profiles?namespace=${namespace}`;
export const progressPath = (notebook: Notebook) => pathOf(notebook, 'progress');
/** Leads to JupyterLab with a ticket that is good once. */
export const openPath = ({ metadata }: Notebook) =>
  `/workbenches/${metadata.namespace}/${metadata.name}/open`;

export const createWorkbench = (request: WorkbenchRequest) => client.request('POST', `${root}/`, request);
export const startWorkbench = (notebook: Notebook) => client.request('POST', pathOf(notebook, 'start'), {});
export const stopWorkbench = (notebook: Notebook) => client.request('POST', pathOf(notebook, 'stop'), {});
export const deleteWorkbench = (notebook: Notebook) => client.request('DELETE', pathOf(notebook));

export const nameOf = ({ metadata }: Notebook) => `${metadata.namespace}/${metadata.name}`;

export interface WorkbenchState {
  readonly phase: WorkbenchPhase;
  readonly status: StatusName;
  readonly message: string;
  readonly stopped: boolean;
}

const looks: Readonly<Record<WorkbenchPhase, StatusName>> = {
  Starting: 'progressing',
  Running: 'succeeded',
  Stopping: 'progressing',
  Stopped: 'suspended',
  Failed: 'failed',
  Deleting: 'progressing',
};

/** What a workbench does now, from its status and from what was just asked of it. */
export function stateOf(notebook: Notebook): WorkbenchState {
  const ready = findCondition(notebook.status?.conditions, 'Ready');
  const idle = findCondition(notebook.status?.conditions, 'Idle');
  const stopped = notebook.metadata.annotations?.[notebookAnnotations.stopped] !== undefined;
  const known = (ready?.reason ?? 'Starting') as WorkbenchPhase;
  const phase = known === 'Stopped' && !stopped ? 'Starting' : known;
  const message = idle?.status === 'True' ? (idle.message ?? '') : (ready?.message ?? '');
  return { phase, status: looks[phase] ?? 'unknown', message: phase === 'Stopped' ? '' : message, stopped };
}
