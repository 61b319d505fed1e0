import {
  type EnvVar,
  kinds,
  type Notebook,
  notebookAnnotations,
  type PersistentVolumeClaim,
  type ResourceKey,
  workbenchPath,
} from '@tagboat/api';
import { invalid, maxNameLength, parseDuration } from '@tagboat/base';
import { type KubespawnerOverride, type Profile, resolveProfile } from './profiles.ts';

/** What is chosen in the spawner. */
export interface WorkbenchRequest {
  readonly namespace: string;
  readonly name: string;
  /** A profile's slug; default: the default one. */
  readonly profile?: string;
  /** Option of the profile -> choice. */
  readonly options?: Readonly<Record<string, string>>;
  /** A Repository of the namespace, cloned at the first start. */
  readonly repository?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Secrets of the namespace whose keys become variables. */
  readonly secrets?: readonly string[];
  /** Such as `10Gi`. */
  readonly storage?: string;
  /** Such as `4h`, or `never`. */
  readonly idleTimeout?: string;
  /** Whose commits are made in it. */
  readonly user?: { readonly name: string; readonly email: string };
  /** The registry reference of a snapshot that the files come from. */
  readonly from?: string;
}

const home = '/opt/app-root/src';

/** The claim that a workbench's files are on. */
export const claimKey = ({ namespace, name }: { namespace: string; name: string }): ResourceKey => ({
  type: kinds.PersistentVolumeClaim,
  namespace,
  name,
});

/**
 * The claim and the Notebook that a request means; both work on Open Data Hub as they are.
 * @throws `Invalid` naming what cannot be
 */
export function buildWorkbench(
  request: WorkbenchRequest,
  profiles: readonly Profile[],
): { claim: PersistentVolumeClaim; notebook: Notebook } {
  check(request);
  const { namespace, name } = request;
  const { profile, override } = resolveProfile(profiles, request.profile, request.options);
  const claim: PersistentVolumeClaim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace, labels: { 'opendatahub.io/dashboard': 'true' } },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: request.storage ?? '10Gi' } } },
  };
  const annotations: Record<string, string> = {
    'openshift.io/display-name': name,
    // Open Data Hub then puts its sign-in before JupyterLab, which asks for no token of its own.
    'notebooks.opendatahub.io/inject-auth': 'true',
    [notebookAnnotations.profile]: profile.slug,
    ...override.extra_annotations,
    ...(request.repository ? { [notebookAnnotations.repository]: request.repository } : {}),
    ...(request.idleTimeout ? { [notebookAnnotations.idleTimeout]: request.idleTimeout } : {}),
  };
  const prefix = workbenchPath(namespace, name).slice(0, -1);
  const probe = {
    httpGet: { path: `${prefix}/api`, port: 'notebook-port', scheme: 'HTTP' },
    periodSeconds: 5,
  };
  const notebook: Notebook = {
    apiVersion: 'kubeflow.org/v1',
    kind: 'Notebook',
    metadata: {
      name,
      namespace,
      labels: {
        app: name,
        'opendatahub.io/dashboard': 'true',
        'opendatahub.io/odh-managed': 'true',
        ...override.extra_labels,
      },
      annotations,
    },
    spec: {
      template: {
        spec: {
          containers: [
            {
              name,
              image: override.image ?? 'quay.io/jupyter/minimal-notebook:2025-03-24',
              workingDir: home,
              env: variables(request, override, prefix),
              ...(request.secrets?.length
                ? { envFrom: request.secrets.map((secret) => ({ secretRef: { name: secret } })) }
                : {}),
              ports: [{ name: 'notebook-port', containerPort: 8888, protocol: 'TCP' }],
              resources: resourcesOf(override),
              readinessProbe: probe,
              livenessProbe: { ...probe, initialDelaySeconds: 10, failureThreshold: 3 },
              volumeMounts: [{ name: 'home', mountPath: home }],
            },
          ],
          volumes: [{ name: 'home', persistentVolumeClaim: { claimName: name } }],
        },
      },
    },
  };
  return { claim, notebook };
}

function check(request: WorkbenchRequest): void {
  const { name, storage, idleTimeout } = request;
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name ?? '') || name.length > maxNameLength - 20)
    throw invalid(
      `expected a name of small letters, digits and dashes, at most ${maxNameLength - 20}, found "${name}"`,
    );
  if (storage !== undefined && !/^\d+(\.\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$/.test(storage))
    throw invalid(`expected a size such as 10Gi, found "${storage}"`);
  if (idleTimeout !== undefined && idleTimeout !== 'never') parseDuration(idleTimeout);
  for (const variable of Object.keys(request.environment ?? {}))
    if (!/^[A-Za-z_][\w.-]*$/.test(variable)) throw invalid(`"${variable}" is no name of a variable`);
}

function variables(request: WorkbenchRequest, override: KubespawnerOverride, prefix: string): EnvVar[] {
  const { user } = request;
  const values: Record<string, string> = {
    // Any user id of a cluster can write there, and what is set up there stays.
    HOME: home,
    NOTEBOOK_ARGS: `--ServerApp.port=8888 --ServerApp.token='' --ServerApp.password='' --ServerApp.base_url=${prefix} --ServerApp.quit_button=False`,
    ...(user
      ? {
          GIT_AUTHOR_NAME: user.name,
          GIT_AUTHOR_EMAIL: user.email,
          GIT_COMMITTER_NAME: user.name,
          GIT_COMMITTER_EMAIL: user.email,
        }
      : {}),
    ...(request.from ? { TAGBOAT_RESTORE_FROM: request.from } : {}),
    ...override.environment,
    ...request.environment,
  };
  return Object.entries(values).map(([name, value]) => ({ name, value: String(value) }));
}

function resourcesOf(override: KubespawnerOverride): {
  requests?: Record<string, string>;
  limits?: Record<string, string>;
} {
  const limits = quantities(override.cpu_limit, override.mem_limit);
  const requests = quantities(override.cpu_guarantee, override.mem_guarantee);
  return { ...(limits ? { limits } : {}), ...(requests ? { requests } : {}) };
}

function quantities(
  cpu: number | string | undefined,
  memory: number | string | undefined,
): Record<string, string> | undefined {
  const values: Record<string, string> = {};
  if (cpu !== undefined) values.cpu = String(cpu);
  // KubeSpawner's suffixes are powers of 1024, Kubernetes' are so only with an "i".
  if (memory !== undefined) values.memory = String(memory).replace(/([KMGT])$/, '$1i');
  return Object.keys(values).length > 0 ? values : undefined;
}
