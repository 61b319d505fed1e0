import type { KubernetesObject } from '@tagboat/api';
import type { ModelSpec } from './model-spec.ts';

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
  /** How it is served, by its own `tagboat.yaml`; absent in what was released before this was recorded. */
  readonly serve?: ServeSettings;
}

/** What a release sets beside its image: another environment has it when the release is promoted, not before. */
export interface ServeSettings {
  readonly replicas: number;
  /** Kubernetes quantities; undefined: whatever the base has. */
  readonly resources?: Readonly<Record<string, string>>;
  /** Whether the counts of its inputs may be scraped. */
  readonly scraped: boolean;
}

/** How a model's own `tagboat.yaml` has it served. */
export const serveSettings = ({ serve, monitor }: Pick<ModelSpec, 'serve' | 'monitor'>): ServeSettings => ({
  replicas: serve?.replicas ?? 1,
  ...(serve && Object.keys(serve.resources).length > 0 ? { resources: serve.resources } : {}),
  scraped: monitor?.drift !== undefined,
});

/** Annotation of an InferenceService that lets Prometheus scrape its predictor. */
export const scrapingAnnotation = 'serving.kserve.io/enable-prometheus-scraping';

/** The InferenceService of a model, without what a release pins. */
export function inferenceService(model: string, spec: ModelSpec): KubernetesObject {
  const resources = spec.serve?.resources ?? {};
  return {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: {
      name: model,
      ...(spec.monitor?.drift ? { annotations: { [scrapingAnnotation]: 'true' } } : {}),
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
export const scrapingNotes: readonly string[] = [
  'Inputs are counted in the bins of the reference that is in the image (/inputs, tagboat_model_inputs_*). Tagboat compares',
  'them where it runs the pods; elsewhere nothing does, and the annotation only lets Prometheus scrape the counts of inputs.',
];

/** The notes that belong to a model's InferenceService. */
export const monitorNotes = (spec: ModelSpec): readonly string[] =>
  spec.monitor?.drift ? scrapingNotes : [];

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

/** Directory of an environment's overlay, unless `deploy.path` names another. */
export const overlayPath = (environment: string) => `overlays/${environment}`;

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
