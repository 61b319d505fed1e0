import type { PipelineTask } from '@tagboat/api';
import type { AicoeBuild, AicoeConfiguration, AicoeDeploy } from './aicoe.ts';
import { builtIn, repositoryUrl } from './aicoe-tasks.ts';
import type { RunSettings } from './plan-runs.ts';
import type { TriggerEvent } from './trigger-event.ts';

/** What the tasks of one event are planned from. */
export interface Planning {
  readonly settings: RunSettings;
  readonly event: TriggerEvent;
  readonly configuration: AicoeConfiguration;
  /** Names of the Secrets of the project that the configuration names and that are there. */
  readonly secrets: ReadonlySet<string>;
}

/** The name of an image, without registry and tag. */
export const imageOf = (
  { event, configuration }: Planning,
  build: AicoeBuild,
  deploy: AicoeDeploy,
  suffix = '',
) =>
  (
    build.registryProject ??
    deploy.imageName ??
    `${configuration.build.registryProject ?? event.repository}${suffix}`
  ).toLowerCase();

/** An image goes to the registry of `.aicoe-ci.yaml` where the Secret with its login is in the project. */
const isOutside = ({ registrySecret }: AicoeBuild, secrets: ReadonlySet<string>): boolean =>
  registrySecret !== undefined && secrets.has(registrySecret);

/** The params that say where an image is, where that is not this platform's registry; quay.io is the format's own default. */
function placeOf({ event, secrets }: Planning, build: AicoeBuild): Readonly<Record<string, string>> {
  if (!isOutside(build, secrets)) return {};
  return { registry: build.registry ?? 'quay.io', project: build.registryOrg ?? event.project };
}

/** What the repository asks for that goes elsewhere here. */
export function registryNotices({ configuration, event, settings, secrets }: Planning): string[] {
  const builds = [configuration.build, ...configuration.overlays.map(({ build }) => build)];
  const elsewhere = builds.find(
    (build) => (build.registry ?? build.registryOrg ?? build.registrySecret) && !isOutside(build, secrets),
  );
  const source = builds.some(
    (build) => (build.strategy ?? 'Source') === 'Source' && (build.baseImage ?? build.sourceScript),
  );
  return [
    ...(elsewhere
      ? [
          `images go to the registry of this platform, ${settings.registry}, not to that of .aicoe-ci.yaml: ${
            elsewhere.registrySecret
              ? `there is no Secret "${elsewhere.registrySecret}" in ${event.project}; tagboat secret set ${elsewhere.registrySecret} .dockerconfigjson=...`
              : 'it names no registry-secret'
          }`,
        ]
      : []),
    ...(source
      ? [
          "base-image and build-source-script are for s2i: images of the strategy Source stand on the platform's Python",
        ]
      : []),
    ...(configuration.checks.some((name) => /coala|tox/.test(name))
      ? ['thoth-coala and thoth-tox are no longer run by anybody; thoth-pytest and thoth-precommit are']
      : []),
  ];
}

/** Builds and pushes one image: from the sources, or by its Dockerfile. */
export function buildTask(
  planning: Planning,
  name: string,
  about: { build: AicoeBuild; values?: Readonly<Record<string, string>> },
): PipelineTask {
  const { build, values = {} } = about;
  const byFile = build.strategy === 'Dockerfile' || build.strategy === 'Containerfile';
  const task = builtIn(byFile ? 'image-file-build' : 'source-build', name, ['configuration'], {
    'custom-tag': build.customTag ?? '',
    'image-file': build.dockerfilePath ?? '',
    overlay: '',
    ...values,
    ...placeOf(planning, build),
  });
  if (!isOutside(build, planning.secrets)) return task;
  const taskSpec = structuredClone(task.taskSpec!);
  for (const step of taskSpec.steps)
    step.env = [
      ...(step.env ?? []),
      {
        name: 'TAGBOAT_DOCKER_CONFIG_JSON',
        valueFrom: { secretKeyRef: { name: build.registrySecret!, key: '.dockerconfigjson' } },
      },
    ];
  return { ...task, taskSpec };
}

/** Writes the new tag into the team's deployment repository. */
export function deployTask(
  planning: Planning,
  name: string,
  about: { build: AicoeBuild; deploy: AicoeDeploy; image: string; after: readonly string[] },
): PipelineTask {
  const { event } = planning;
  const { build, deploy, image, after } = about;
  return builtIn('deploy-image-tag', name, after, {
    url: repositoryUrl(deploy.projectOrg ?? '', deploy.projectName ?? ''),
    path: deploy.overlayContextpath ?? `${event.repository}/overlays/test/imagestreamtag.yaml`,
    'image-name': deploy.imageName ?? image,
    model: image,
    ...placeOf(planning, build),
  });
}
