import type { KubernetesObject } from '@tagboat/api';
import { parseDocument, stringify } from 'yaml';
import type { ModelSpec } from './model-spec.ts';
import { releaseAnnotations } from './release-annotations.ts';

/** What one release pins. */
export interface Release {
  readonly model: string;
  readonly project: string;
  /** `host:port/project/model`. */
  readonly image: string;
  readonly imageDigest: string;
  readonly modelDigest: string;
  readonly tag: string;
  readonly commit: string;
  readonly run: string;
  /** JSON. */
  readonly metrics: string;
  /** JSON: data source -> digest. */
  readonly data: string;
}

const header = (lines: readonly string[]) => lines.map((line) => `# ${line}\n`).join('');

/** The InferenceService of a model, without what a release pins. */
export function inferenceService(model: string, spec: ModelSpec): KubernetesObject {
  const resources = spec.serve?.resources ?? {};
  return {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: {
      name: model,
      ...(spec.monitor?.drift
        ? { annotations: { 'serving.kserve.io/enable-prometheus-scraping': 'true' } }
        : {}),
    },
    spec: {
      predictor: {
        minReplicas: spec.serve?.replicas ?? 1,
        automountServiceAccountToken: false,
        containers: [
          {
            name: 'kserve-container',
            image: model,
            ports: [{ name: 'http1', containerPort: 8080, protocol: 'TCP' }],
            readinessProbe: { httpGet: { path: '/v2/health/ready', port: 8080 } },
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              runAsNonRoot: true,
            },
            ...(Object.keys(resources).length > 0
              ? { resources: { requests: resources, limits: resources } }
              : {}),
          },
        ],
      },
    },
  };
}

/** What a cluster needs so that the inputs of a served model are watched, in words. */
export const monitorNotes = (spec: ModelSpec): readonly string[] =>
  spec.monitor?.drift
    ? [
        'Inputs are counted in the bins of the reference that is in the image (/inputs, tagboat_model_inputs_*). Tagboat compares',
        'them where it runs the pods; elsewhere nothing does, and the annotation only lets Prometheus scrape the counts of inputs.',
      ]
    : [];

/** The branch of deployment repositories. */
export const deploymentBranch = 'main';

/** Name of the repository that a model is deployed from, where it is hosted here. */
export const deploymentRepositoryName = (model: string) => `${model}-deployment`;

/** The URL of a model's deployment repository, where it is elsewhere. */
export const outsideDeployment = (spec: Pick<ModelSpec, 'deploy'> | undefined): string | undefined =>
  spec?.deploy.find(({ repo }) => repo !== undefined)?.repo;

/** Namespace of one environment of a project. */
export const environmentNamespace = (
  project: string,
  target: { readonly environment: string; readonly namespace?: string | undefined },
): string => target.namespace ?? `${project}-${target.environment}`;

/** Directory of an environment's overlay in the deployment repository. */
export const overlayPath = (environment: string) => `overlays/${environment}`;

export interface DeploymentFiles {
  read(path: string): Promise<string | undefined>;
  write(path: string, content: string): Promise<void>;
}

/** Writes `base/` and an empty overlay per environment into a deployment repository that has none. */
export async function scaffoldDeployment(
  files: DeploymentFiles,
  model: string,
  spec: ModelSpec,
): Promise<void> {
  await writeBase(files, model, spec);
  for (const { environment } of spec.deploy) {
    const path = `${overlayPath(environment)}/kustomization.yaml`;
    if ((await files.read(path)) === undefined)
      await files.write(
        path,
        header([`${environment}: nothing is released here yet.`]) +
          stringify({ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources: [] }),
      );
  }
}

/** Keeps the base true to the model's `serve`; replicas and resources are declared there. */
export async function writeBase(files: DeploymentFiles, model: string, spec: ModelSpec): Promise<void> {
  const manifest = stringify(inferenceService(model, spec), { lineWidth: 0 });
  const path = 'base/inferenceservice.yaml';
  const text =
    header([
      `Written by Tagboat from ${model}'s tagboat.yaml. Change it there, or patch it in an overlay.`,
      ...monitorNotes(spec),
    ]) + manifest;
  if ((await files.read(path)) !== text) await files.write(path, text);
  if ((await files.read('base/kustomization.yaml')) === undefined)
    await files.write(
      'base/kustomization.yaml',
      stringify({
        apiVersion: 'kustomize.config.k8s.io/v1beta1',
        kind: 'Kustomization',
        resources: ['inferenceservice.yaml'],
      }),
    );
}

/** Pins a release in an environment's overlay; only the image entry and the annotations change, comments stay. */
export async function pinRelease(
  files: DeploymentFiles,
  environment: string,
  release: Release,
): Promise<void> {
  const directory = overlayPath(environment);
  const path = `${directory}/kustomization.yaml`;
  const before = await files.read(path);
  const document = parseDocument(before ?? '');
  if (document.contents === null)
    document.contents = document.createNode({
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
    }) as never;
  const value = document.toJS() as {
    resources?: string[];
    patches?: { path?: string }[];
    images?: { name: string }[];
  };
  if (before?.includes('nothing is released here yet')) document.commentBefore = null;
  if (!value.resources?.length) document.set('resources', ['../../base']);
  if (!value.patches?.some((patch) => patch.path === 'release.yaml'))
    document.set('patches', [...(value.patches ?? []), { path: 'release.yaml' }]);
  const images = value.images ?? [];
  const index = images.findIndex((image) => image.name === release.model);
  const entry = { name: release.model, newName: release.image, digest: release.imageDigest };
  if (index < 0) document.set('images', [...images, entry]);
  else for (const [key, item] of Object.entries(entry)) document.setIn(['images', index, key], item);
  if (index >= 0) document.deleteIn(['images', index, 'newTag']);
  await files.write(path, document.toString({ lineWidth: 0 }));
  await files.write(`${directory}/release.yaml`, releasePatch(release));
}

function releasePatch(release: Release): string {
  const names = releaseAnnotations;
  return stringify(
    {
      apiVersion: 'serving.kserve.io/v1beta1',
      kind: 'InferenceService',
      metadata: {
        name: release.model,
        annotations: {
          [names.project]: release.project,
          [names.model]: release.model,
          [names.tag]: release.tag,
          [names.commit]: release.commit,
          [names.run]: release.run,
          [names.modelDigest]: release.modelDigest,
          [names.data]: release.data,
          [names.metrics]: release.metrics,
        },
      },
    },
    { lineWidth: 0 },
  );
}

const filesOfRelease = (environment: string) =>
  ['kustomization.yaml', 'release.yaml'].map((name) => `${overlayPath(environment)}/${name}`);

/** The files that tell what is released in a model's environments. */
export const releaseFiles = ({ deploy }: Pick<ModelSpec, 'deploy'>): string[] =>
  deploy.flatMap(({ environment }) => filesOfRelease(environment));

/** What is released in an environment's overlay, or undefined where nothing is. */
export async function readRelease(
  files: Pick<DeploymentFiles, 'read'>,
  environment: string,
): Promise<Release | undefined> {
  const [kustomization, patch] = await Promise.all(
    filesOfRelease(environment).map((path) => files.read(path)),
  );
  if (!kustomization || !patch) return undefined;
  const metadata = (parseDocument(patch).toJS() as KubernetesObject | null)?.metadata;
  const note = metadata?.annotations ?? {};
  const images = (
    parseDocument(kustomization).toJS() as { images?: { name: string; newName?: string; digest?: string }[] }
  ).images;
  const image = images?.find(({ name }) => name === metadata?.name);
  if (!image?.digest) return undefined;
  const names = releaseAnnotations;
  return {
    model: metadata!.name,
    project: note[names.project] ?? '',
    image: image.newName ?? image.name,
    imageDigest: image.digest,
    modelDigest: note[names.modelDigest] ?? '',
    tag: note[names.tag] ?? '',
    commit: note[names.commit] ?? '',
    run: note[names.run] ?? '',
    metrics: note[names.metrics] ?? '{}',
    data: note[names.data] ?? '{}',
  };
}

/** Environment -> what is released there, in the order they are declared. */
export async function readReleases(
  files: Pick<DeploymentFiles, 'read'>,
  spec: Pick<ModelSpec, 'deploy'> | undefined,
): Promise<Map<string, Release>> {
  const releases = new Map<string, Release>();
  for (const { environment } of spec?.deploy ?? []) {
    const release = await readRelease(files, environment);
    if (release) releases.set(environment, release);
  }
  return releases;
}

/** The message of a release commit, with the trailers that later releases look for. */
export function releaseMessage(environment: string, release: Release, sequence: number): string {
  const metrics = Object.entries(JSON.parse(release.metrics || '{}') as Record<string, unknown>);
  const lines = metrics.map(
    ([name, value]) => `  ${name}: ${typeof value === 'number' ? Number(value.toPrecision(6)) : value}`,
  );
  return [
    `Release ${release.model} ${release.tag} to ${environment}`,
    '',
    `Image ${release.image}@${release.imageDigest}`,
    ...(lines.length > 0 ? ['', 'Metrics', ...lines] : []),
    '',
    `Tagboat-Run: ${release.run}`,
    `Tagboat-Tag: ${release.tag}`,
    `Tagboat-Environment: ${environment}`,
    `Tagboat-Sequence: ${sequence}`,
    `Tagboat-Commit: ${release.commit}`,
    `Tagboat-Model: ${release.modelDigest}`,
    '',
  ].join('\n');
}

/** The Argo CD Application of one environment. */
export function applicationFor(input: {
  readonly project: string;
  readonly model: string;
  readonly environment: string;
  readonly namespace: string;
  readonly repoUrl: string;
  readonly path?: string;
}): KubernetesObject {
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Application',
    metadata: {
      name: `${input.project}-${input.model}-${input.environment}`,
      namespace: 'argocd',
      labels: {
        'tagboat.dev/project': input.project,
        'tagboat.dev/model': input.model,
        'tagboat.dev/environment': input.environment,
      },
    },
    spec: {
      project: 'default',
      source: {
        repoURL: input.repoUrl,
        targetRevision: deploymentBranch,
        path: input.path ?? overlayPath(input.environment),
      },
      destination: { server: 'https://kubernetes.default.svc', namespace: input.namespace },
      syncPolicy: {
        automated: { prune: true, selfHeal: true, allowEmpty: true },
        syncOptions: ['CreateNamespace=true'],
      },
    },
  };
}
