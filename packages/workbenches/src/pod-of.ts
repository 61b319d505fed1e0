import {
  type Container,
  type EnvVar,
  type Notebook,
  notebookAnnotations,
  notebookNameLabel,
  ownedBy,
  type Pod,
  type PodSpec,
  type Secret,
  type Service,
  workbenchPath,
} from '@tagboat/api';
import { canonicalJson, shortened, shortHash } from '@tagboat/base';
import { environmentOfImage, isManagedEnvironment, type ManagedEnvironment } from './images.ts';

export const serverPort = 8888;
export const environmentsClaim = 'environments';
const environmentsPath = '/workspace/environments';
const defaultHome = '/opt/app-root/src';
const templateHash = 'tagboat.dev/template-hash';

export const podName = (notebook: string) => shortened(`${notebook}-0`);
export const tokenSecretName = (notebook: string) => shortened(`${notebook}-workbench-token`);
export const mainContainer = (notebook: Notebook): Container | undefined => {
  const containers = notebook.spec?.template?.spec?.containers ?? [];
  return containers.find(({ name }) => name === notebook.metadata.name) ?? containers[0];
};

/** The managed environment of a workbench; undefined where its image is run as it is. */
export function environmentOf(notebook: Notebook): ManagedEnvironment | undefined {
  const asked = notebook.metadata.annotations?.[notebookAnnotations.environment];
  return isManagedEnvironment(asked) ? asked : environmentOfImage(mainContainer(notebook)?.image);
}

export interface PodInput {
  readonly notebook: Notebook;
  /** Git URL of the repository to clone, where there is one. */
  readonly repositoryUrl?: string | undefined;
}

/** The pod of a running workbench (kubeflow's notebook-controller `generateStatefulSet`, with one pod and no set). */
export function podOf(input: PodInput): Pod {
  const { notebook } = input;
  const { name, namespace = '' } = notebook.metadata;
  const template = notebook.spec!.template;
  const main = mainContainer(notebook)!;
  const managed = environmentOf(notebook);
  const declared = withoutProxies(template.spec, main);
  const containers = declared.containers.map((container) =>
    container === main ? server(input, container, managed) : container,
  );
  const volumes = [
    ...(declared.volumes ?? []),
    ...(managed
      ? [{ name: environmentsClaim, persistentVolumeClaim: { claimName: environmentsClaim } }]
      : []),
  ];
  const spec: PodSpec = { terminationGracePeriodSeconds: 10, ...declared, containers, volumes };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(name),
      namespace,
      labels: {
        ...template.metadata?.labels,
        ...notebook.metadata.labels,
        statefulset: name,
        [notebookNameLabel]: name,
      },
      annotations: { ...template.metadata?.annotations, [templateHash]: templateHashOf(input) },
      ownerReferences: [ownedBy(notebook)],
    },
    spec,
  };
}

/** What Open Data Hub puts beside JupyterLab for its sign-in. */
const proxies = new Set(['kube-rbac-proxy', 'oauth-proxy']);

/** Without the sign-in proxies of a Notebook taken from a cluster, nor what they alone mount: the gate does their work. */
function withoutProxies(spec: PodSpec, main: Container): PodSpec {
  const [gone, containers] = [true, false].map((wanted) =>
    spec.containers.filter((container) => (container !== main && proxies.has(container.name)) === wanted),
  ) as [Container[], Container[]];
  if (gone.length === 0) return spec;
  const namesOf = (list: readonly Container[]) =>
    new Set(list.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name)));
  const [theirs, kept] = [namesOf(gone), namesOf([...containers, ...(spec.initContainers ?? [])])];
  const volumes = (spec.volumes ?? []).filter(({ name }) => kept.has(name) || !theirs.has(name));
  return { ...spec, containers, volumes };
}

/** Changes when the pod has to be made anew. */
export function templateHashOf({ notebook, repositoryUrl = '' }: PodInput): string {
  const annotations = notebook.metadata.annotations ?? {};
  const restart = annotations[notebookAnnotations.restart] ?? '';
  const environment = environmentOf(notebook) ?? '';
  return shortHash([canonicalJson(notebook.spec), restart, environment, repositoryUrl], 16);
}

export const hashOfPod = (pod: Pod) => pod.metadata.annotations?.[templateHash];

function server(input: PodInput, container: Container, managed: ManagedEnvironment | undefined): Container {
  const { name, namespace = '' } = input.notebook.metadata;
  const prefix = workbenchPath(namespace, name).slice(0, -1);
  const home = homeOf(container);
  const own: EnvVar[] = [
    { name: 'NB_PREFIX', value: prefix },
    { name: 'JUPYTER_TOKEN', valueFrom: { secretKeyRef: { name: tokenSecretName(name), key: 'token' } } },
    ...(managed ? managedVariables(input, { managed, home }) : []),
  ];
  const named = new Set(own.map((variable) => variable.name));
  const env = [...(container.env ?? []).filter((variable) => !named.has(variable.name)), ...own];
  const ports = container.ports ?? [{ name: 'notebook-port', containerPort: serverPort }];
  const readinessProbe = {
    periodSeconds: 10,
    timeoutSeconds: 5,
    ...container.readinessProbe,
    httpGet: { port: serverPort, ...container.readinessProbe?.httpGet, path: `${prefix}/api` },
  };
  const { livenessProbe: _liveness, ...rest } = container;
  if (!managed) return { ...container, env, ports, readinessProbe };
  return {
    ...rest,
    image: 'tagboat',
    command: ['tagboat'],
    args: ['step', 'workbench'],
    workingDir: home,
    // Why it does not start is the last it says.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    env,
    ports,
    readinessProbe,
    volumeMounts: [
      ...(container.volumeMounts ?? []),
      { name: environmentsClaim, mountPath: environmentsPath },
    ],
  };
}

function managedVariables(
  { notebook, repositoryUrl }: PodInput,
  { managed, home }: { managed: ManagedEnvironment; home: string },
): EnvVar[] {
  return [
    { name: 'HOME', value: home },
    { name: 'TAGBOAT_WORKBENCH_ENVIRONMENT', value: managed },
    { name: 'TAGBOAT_ENVIRONMENTS', value: environmentsPath },
    { name: 'TAGBOAT_PROJECT', value: notebook.metadata.namespace ?? '' },
    ...(repositoryUrl ? [{ name: 'TAGBOAT_REPOSITORY_URL', value: repositoryUrl }] : []),
  ];
}

/** Where the files of a workbench are: its first claim, else its working directory. */
export function homeOf(container: Container): string {
  const mount = container.volumeMounts?.find(({ mountPath }) => mountPath !== '/dev/shm');
  return mount?.mountPath.replace(/\/+$/, '') ?? container.workingDir ?? defaultHome;
}

/** The names of the claims that hold a workbench's files. */
export function claimsOf(notebook: Notebook): string[] {
  return (notebook.spec?.template?.spec?.volumes ?? []).flatMap(({ persistentVolumeClaim }) =>
    persistentVolumeClaim ? [persistentVolumeClaim.claimName] : [],
  );
}

/** As kubeflow's notebook-controller makes it. */
export function serviceOf(notebook: Notebook): Service {
  const { name, namespace = '' } = notebook.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, ownerReferences: [ownedBy(notebook)] },
    spec: {
      type: 'ClusterIP',
      selector: { statefulset: name },
      ports: [{ name: `http-${name}`.slice(0, 63), port: 80, targetPort: serverPort, protocol: 'TCP' }],
    },
  };
}

/** The token that the Jupyter server of a workbench asks for. */
export function tokenSecretOf(notebook: Notebook, token: string): Secret {
  const { name, namespace = '' } = notebook.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: tokenSecretName(name), namespace, ownerReferences: [ownedBy(notebook)] },
    type: 'Opaque',
    data: { token: Buffer.from(token).toString('base64') },
  };
}
