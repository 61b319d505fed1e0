import type { PipelineRun, PipelineTask, WhenExpression } from '@tagboat/api';
import { deterministicName } from '@tagboat/base';
import type { Commit } from '@tagboat/git-client';
import { runAnnotations, runBindings, runParameterNames } from '@tagboat/render';
import type { AicoeConfiguration } from './aicoe.ts';
import { customRun } from './aicoe-custom.ts';
import {
  buildTask,
  deployTask,
  ifBuildable,
  imageOf,
  type Planning,
  registryNotices,
} from './aicoe-images.ts';
import { builtIn, repositoryUrl, saying, tagCheck } from './aicoe-tasks.ts';
import { forOutsiders, type PlannedRuns, type RunSettings, runIdentity, runMetadata } from './plan-runs.ts';
import type { TriggerEvent } from './trigger-event.ts';

/** The runs of a repository that has only an `.aicoe-ci.yaml`: the eight tasks of a tag, or the checks of a change. */
export async function runForAicoe(
  settings: RunSettings,
  event: TriggerEvent,
  about: { configuration: AicoeConfiguration; commit: Commit; secrets?: ReadonlySet<string> },
): Promise<PlannedRuns> {
  if (event.ref.kind === 'candidate') return { runs: [], reason: 'candidates need a tagboat.yaml' };
  if (event.comment?.custom) return { runs: [], reason: 'no run waits for comments like this' };
  const { configuration, commit, secrets = new Set() } = about;
  const planning: Planning = { settings, event, configuration, secrets };
  const custom =
    event.ref.kind === 'tag' && configuration.checks.includes('thoth-custom-build')
      ? await customRun(event, commit)
      : undefined;
  const only = event.comment?.only;
  const { tasks, contexts } =
    event.ref.kind === 'tag'
      ? { tasks: releaseTasks(planning, custom?.metadata.name), contexts: {} }
      : checkTasks(planning, only);
  if (only !== undefined && only !== 'aicoe-ci' && Object.keys(contexts).length === 0)
    return { runs: [], reason: `no check is called "${only}"` };
  const run = runOf(planning, { tasks, contexts });
  return {
    runs: [run, ...(custom ? [custom] : [])],
    notices: [...configuration.warnings, ...registryNotices(planning)],
  };
}

const tagOf = ({ event }: Planning) => (event.pull ? `pr-${event.pull.number}` : event.ref.short);

function runOf(
  planning: Planning,
  about: { tasks: PipelineTask[]; contexts: Readonly<Record<string, string>> },
): PipelineRun {
  const { event } = planning;
  const { short, parts } = runIdentity(event);
  const check = event.ref.kind === 'branch';
  const { labels, annotations } = runMetadata(event, { name: 'aicoe-ci' });
  const { contexts } = about;
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: {
      name: deterministicName(`${event.repository}-${short}${check ? '-check' : ''}`, [...parts, 'aicoe']),
      namespace: event.project,
      labels,
      annotations: {
        ...annotations,
        ...(Object.keys(contexts).length > 0 ? { [runAnnotations.contexts]: JSON.stringify(contexts) } : {}),
      },
    },
    spec: specOf(planning, about.tasks),
  };
}

function specOf(planning: Planning, tasks: PipelineTask[]): NonNullable<PipelineRun['spec']> {
  const { event, settings, configuration } = planning;
  const spec = {
    pipelineSpec: {
      params: runParameterNames.map((name) => ({ name, type: 'string' as const, default: '' })),
      workspaces: [{ name: 'source' }, { name: 'environments' }],
      tasks,
    },
    ...runBindings({
      project: event.project,
      model: imageOf(planning, configuration.build, configuration.deploy),
      repositoryUrl: event.repositoryUrl,
      cloneUrl: event.cloneUrl,
      commit: event.ref.commit,
      tag: tagOf(planning),
      sequence: 0,
      branch: event.defaultBranch,
      registry: settings.registry,
      deploymentUrl: '',
    }),
  };
  return event.pull?.untrusted ? forOutsiders(spec) : spec;
}

/** The checks of a pull request or a push to a branch, with the contexts that forges know. */
function checkTasks(
  planning: Planning,
  only: string | undefined,
): { tasks: PipelineTask[]; contexts: Record<string, string> } {
  const buildable = ifBuildable(planning, planning.configuration.build);
  const chosen = checksOf(planning).filter(
    ({ task, context }) =>
      only === undefined || only === 'aicoe-ci' || context.includes(only) || task.name === only,
  );
  return {
    tasks: [
      builtIn('clone', 'configuration', []),
      ...chosen.map(({ task, on }) => ({
        ...task,
        when: [onlyIf(on), ...(on && task.name === buildName ? buildable : [])],
      })),
    ],
    contexts: Object.fromEntries(
      chosen
        .filter(({ task, on }) => on && (task.name !== buildName || buildable.every(holds)))
        .map(({ task, context }) => [task.name, context]),
    ),
  };
}

const buildName = 'build-run';

interface Check {
  readonly task: PipelineTask;
  readonly context: string;
  /** Whether the file asks for it. */
  readonly on: boolean;
}

function checksOf(planning: Planning): Check[] {
  const { configuration, event } = planning;
  const { checks, build } = configuration;
  const has = (name: string) => checks.some((check) => check.startsWith(name));
  return [
    {
      task: builtIn('pre-commit', 'pre-commit-run', ['configuration']),
      context: 'aicoe-ci/pre-commit-check',
      on: has('thoth-precommit'),
    },
    { task: pytest(configuration), context: 'aicoe-ci/pytest-check', on: has('thoth-pytest') },
    {
      task: buildTask(planning, buildName, { build }),
      context: 'aicoe-ci/build-check',
      // What it pushes would carry the project's name: outside code builds no image here.
      on: has('thoth-build') && !event.pull?.untrusted,
    },
  ];
}

const holds = ({ input, values }: WhenExpression) => values?.includes(input ?? '') ?? false;

const onlyIf = (on: boolean) => ({ input: on ? 'true' : 'false', operator: 'in' as const, values: ['true'] });

function pytest(configuration: AicoeConfiguration): PipelineTask {
  const task = builtIn('check', 'pytest-run', ['configuration'], { model: '' });
  const environment = Object.entries(configuration.pytestEnvironment);
  if (environment.length === 0) return task;
  const spec = structuredClone(task.taskSpec!);
  for (const step of spec.steps)
    step.env = [
      ...(step.env ?? []),
      ...environment.map(([name, value]) => ({ name: `TAGBOAT_USER_${name}`, value })),
    ];
  return { ...task, taskSpec: spec };
}

/** The tasks of a tag's release; those that do not apply are there too, and are skipped by their conditions. */
function releaseTasks(planning: Planning, custom: string | undefined): PipelineTask[] {
  const { configuration, event } = planning;
  const { checks, build, deploy, overlays, sibling } = configuration;
  const withOverlays = checks.includes('overlays-build') || overlays.length > 0;
  const builds = !withOverlays && (build.strategy !== undefined || checks.includes('thoth-build'));
  const deploys = deploy.projectName !== undefined;
  const after = ['configuration'];
  return [
    tagCheck(event),
    builtIn('clone', 'configuration', ['tag-check']),
    ...overlayTasks(planning, withOverlays),
    {
      ...saying('custom-pipeline-run', `the pipeline of pipeline.yaml runs as ${custom ?? 'nothing'}`),
      when: [onlyIf(checks.includes('thoth-custom-build'))],
    },
    publishTask(configuration),
    {
      ...buildTask(planning, 'tag-release-run', { build }),
      when: [onlyIf(builds), ...(builds ? ifBuildable(planning, build) : [])],
    },
    {
      ...builtIn('tag-sibling', 'tag-sibling-run', after, {
        url: sibling ? repositoryUrl(sibling.org, sibling.project) : '',
      }),
      when: [onlyIf(sibling !== undefined)],
    },
    {
      ...deployTask(planning, 'tag-deploy-run', {
        build,
        deploy,
        image: imageOf(planning, build, deploy),
        after: builds ? ['tag-release-run'] : after,
      }),
      when: [onlyIf(deploys), ...(deploys && builds ? ifBuildable(planning, build) : [])],
    },
  ];
}

function publishTask({ release, packageUpload }: AicoeConfiguration): PipelineTask {
  return {
    ...builtIn('publish-package', 'tag-publish-pypi-run', ['configuration'], {
      url: packageUpload?.instance === 'pulp' ? packageUpload.index : '',
      sdist: String(packageUpload?.sdist ?? true),
      wheel: String(packageUpload?.bdist ?? true),
    }),
    when: [onlyIf(release.includes('upload-pypi-sesheta') || packageUpload !== undefined)],
  };
}

/** One image for each overlay, and its own deployment where it names one. */
function overlayTasks(planning: Planning, withOverlays: boolean): PipelineTask[] {
  const { configuration } = planning;
  if (!withOverlays || configuration.overlays.length === 0)
    return [
      { ...saying('overlays-pipeline-run', 'there are no overlays to build'), when: [onlyIf(withOverlays)] },
    ];
  return configuration.overlays.flatMap((overlay): PipelineTask[] => {
    const name = `overlays-pipeline-run-${overlay.name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
    const image = imageOf(planning, overlay.build, overlay.deploy, `-${overlay.name}`);
    const directory =
      configuration.overlaysDirectory === '.' ? '.' : `${configuration.overlaysDirectory}/${overlay.name}`;
    const build = buildTask(planning, name, {
      build: overlay.build,
      values: {
        model: image,
        overlay: directory,
        ...(overlay.arch ? { tag: `$(params.tag)-${overlay.arch}` } : {}),
      },
    });
    const when = ifBuildable(planning, overlay.build);
    const conditional = (task: PipelineTask) => (when.length > 0 ? { ...task, when } : task);
    if (!overlay.deploy.projectName) return [conditional(build)];
    const about = { build: overlay.build, deploy: overlay.deploy, image, after: [name] };
    return [build, deployTask(planning, `${name}-deploy`, about)].map(conditional);
  });
}
