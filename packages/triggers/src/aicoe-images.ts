import type { PipelineTask, WhenExpression } from '@tagboat/api';
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
  const source = builds.filter(({ strategy }) => (strategy ?? 'Source') === 'Source');
  const byFile = settings.noEngine !== undefined && builds.some(isByFile);
  const byScript = source.filter(({ sourceScript }) => sourceScript);
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
    ...(byFile
      ? [`images of a Dockerfile are not built: they need a container engine, and ${settings.noEngine}`]
      : []),
    ...(source.some((build) => build.baseImage && !assembles(settings, build))
      ? [
          "base-image is used where its registry has it with the environment's version of Python, else the platform's Python; the build's log says which",
        ]
      : []),
    ...(byScript.some(({ baseImage }) => !baseImage)
      ? ['build-source-script is not run without a base-image to run it in: that image is built without it']
      : []),
    ...(settings.noEngine !== undefined && byScript.some(({ baseImage }) => baseImage)
      ? [
          `build-source-script runs in its base-image, which needs a container engine, and ${settings.noEngine}: images are built without it`,
        ]
      : []),
    ...(configuration.checks.some((name) => /coala|tox/.test(name))
      ? ['thoth-coala and thoth-tox are no longer run by anybody; thoth-pytest and thoth-precommit are']
      : []),
  ];
}

/** Source-to-image: the scripts of a builder image assemble the sources, which takes a container engine. */
const assembles = ({ noEngine }: RunSettings, { strategy, sourceScript, baseImage }: AicoeBuild): boolean =>
  (strategy ?? 'Source') === 'Source' &&
  sourceScript !== undefined &&
  baseImage !== undefined &&
  noEngine === undefined;

const isByFile = ({ strategy }: AicoeBuild) => strategy === 'Dockerfile' || strategy === 'Containerfile';

/** Skips what stands on an image that a container engine builds, where there is none. */
export function ifBuildable({ settings }: Planning, build: AicoeBuild): WhenExpression[] {
  const needed = 'a container engine';
  if (!isByFile(build)) return [];
  return [{ input: settings.noEngine ? `no ${needed.slice(2)}` : needed, operator: 'in', values: [needed] }];
}

/** Builds and pushes one image: from the sources, or by its Dockerfile. */
export function buildTask(
  planning: Planning,
  name: string,
  about: { build: AicoeBuild; values?: Readonly<Record<string, string>> },
): PipelineTask {
  const { build, values = {} } = about;
  const byScripts = assembles(planning.settings, build);
  const byEngine = byScripts || isByFile(build);
  const task = builtIn(byEngine ? 'image-file-build' : 'source-build', name, ['configuration'], {
    'custom-tag': build.customTag ?? '',
    'image-file': build.dockerfilePath ?? '',
    'base-image': build.baseImage ?? '',
    'source-script': byScripts ? (build.sourceScript ?? '') : '',
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
