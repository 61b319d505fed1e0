import { type PipelineRun, type PipelineTask, parseYaml } from '@tagboat/api';
import { deterministicName, invalid } from '@tagboat/base';
import { builtInTask, runAnnotations, runBindings, runLabels } from '@tagboat/render';
import type { PlannedRuns, RunSettings } from './plan-runs.ts';
import type { RefToHandle } from './plan-triggers.ts';

export const aicoeFileNames = ['.aicoe-ci.yaml', '.aicoe-ci.yml'];

/** The part of an `.aicoe-ci.yaml` that decides what runs. */
export interface AicoeConfiguration {
  readonly checks: readonly string[];
  readonly release: readonly string[];
  readonly strategy: string | undefined;
  readonly imageName: string | undefined;
  readonly customTag: string | undefined;
  readonly deploys: boolean;
  readonly overlays: boolean;
  readonly sibling: boolean;
  readonly warnings: readonly string[];
}

const known = new Set([
  'check',
  'checks',
  'release',
  'package-upload',
  'build',
  'deploy',
  'overlays_dir',
  'overlays',
  'sibling',
  'pytest-env',
]);

/** Reads an `.aicoe-ci.yaml`; an unknown key is a warning with its line. @throws `Invalid` with file:line:column */
export function readAicoe(text: string, file: string): AicoeConfiguration {
  const document = parseYaml(text, file)[0];
  const value = (document?.value ?? {}) as Record<string, unknown>;
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalid('expected a map of keys', { location: document!.locate([]) });
  const build = (value.build ?? {}) as Record<string, string | undefined>;
  const deploy = (value.deploy ?? {}) as Record<string, string | undefined>;
  const listed = (item: unknown) => (Array.isArray(item) ? item.map(String) : []);
  return {
    checks: [...listed(value.check), ...listed(value.checks)],
    release: listed(value.release),
    strategy: build['build-stratergy'] ?? build['build-strategy'],
    imageName: deploy['image-name'] ?? build['registry-project'],
    customTag: build['custom-tag'] ?? build.custom_tag,
    deploys: deploy['project-name'] !== undefined,
    overlays: Array.isArray(value.overlays),
    sibling: value.sibling !== undefined,
    warnings: Object.keys(value)
      .filter((key) => !known.has(key))
      .map((key) => `${file}:${document!.locate([key]).line}: unknown key "${key}"`),
  };
}

interface Guarded {
  readonly name: string;
  readonly input: string;
  readonly values: readonly string[];
  readonly script?: string;
}

/** The tag-release run of a repository that has only an `.aicoe-ci.yaml`: its eight tasks, each with its condition. */
export function runForAicoe(
  settings: RunSettings,
  ref: RefToHandle,
  configuration: AicoeConfiguration,
): PlannedRuns {
  if (ref.kind === 'candidate') return { runs: [], reason: 'candidates need a tagboat.yaml' };
  const kind = ref.kind === 'tag' ? 'release' : 'check';
  const image = configuration.imageName ?? settings.repository;
  const tag = configuration.customTag ?? ref.short;
  const yes = (value: boolean) => (value ? 'true' : 'false');
  const later = (what: string) => `echo '${what} is not done by this platform' >&2; exit 1`;
  const guarded: Guarded[] = [
    {
      name: 'pytest-check',
      input: yes(configuration.checks.some((check) => check.startsWith('thoth-pytest'))),
      values: ['true'],
    },
    {
      name: 'overlays-pipeline-run',
      input: yes(configuration.checks.includes('overlays-build') || configuration.overlays),
      values: ['true'],
      script: later('building overlays'),
    },
    {
      name: 'custom-pipeline-run',
      input: yes(configuration.checks.includes('thoth-custom-build')),
      values: ['true'],
      script: later('a custom pipeline.yaml'),
    },
    {
      name: 'tag-publish-pypi-run',
      input: yes(configuration.release.includes('upload-pypi-sesheta')),
      values: ['true'],
      script: later('publishing to PyPI'),
    },
    {
      name: 'tag-release-run',
      input: kind === 'release' ? (configuration.strategy ?? 'none') : 'none',
      values: ['Source'],
    },
    {
      name: 'tag-sibling-run',
      input: yes(configuration.sibling),
      values: ['true'],
      script: later('a sibling project'),
    },
    {
      name: 'tag-deploy-run',
      input: yes(configuration.deploys && kind === 'release'),
      values: ['true'],
      script: 'echo "deployed by the deployment repository of the team; see: tagboat connect"',
    },
  ];
  const run: PipelineRun = {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: {
      name: deterministicName(`${settings.repository}-${ref.short}${kind === 'check' ? '-check' : ''}`, [
        settings.repository,
        ref.ref,
        ref.commit,
        'aicoe',
      ]),
      namespace: settings.project,
      labels: { [runLabels.repository]: settings.repository, [runLabels.kind]: kind },
      annotations: {
        [runAnnotations.ref]: ref.ref,
        [runAnnotations.tag]: ref.short,
        [runAnnotations.commit]: ref.commit,
        ...(configuration.warnings.length > 0
          ? { [runAnnotations.notices]: configuration.warnings.join('; ') }
          : {}),
      },
    },
    spec: {
      pipelineSpec: {
        params: [
          'project',
          'model',
          'url',
          'clone-url',
          'revision',
          'tag',
          'sequence',
          'branch',
          'registry',
          'deployment',
          'next-tag',
        ].map((name) => ({ name, type: 'string' as const, default: '' })),
        workspaces: [{ name: 'source' }, { name: 'environments' }],
        tasks: [builtIn('clone', 'configuration', []), ...guarded.map(taskFor)],
      },
      ...runBindings({
        project: settings.project,
        model: image,
        repositoryUrl: settings.repositoryUrl,
        cloneUrl: settings.cloneUrl,
        commit: ref.commit,
        tag,
        sequence: 0,
        branch: settings.defaultBranch,
        registry: settings.registry,
        deploymentUrl: '',
      }),
    },
  };
  return { runs: [run] };
}

function taskFor(guard: Guarded): PipelineTask {
  const when = [{ input: guard.input, operator: 'in' as const, values: [...guard.values] }];
  if (guard.name === 'pytest-check') return { ...builtIn('check', guard.name, ['configuration']), when };
  if (guard.name === 'tag-release-run')
    return { ...builtIn('source-build', guard.name, ['configuration', 'pytest-check']), when };
  return {
    name: guard.name,
    runAfter: ['configuration'],
    when,
    taskSpec: { steps: [{ name: 'run', image: 'bash', script: `#!/bin/sh\n${guard.script ?? 'true'}\n` }] },
  };
}

function builtIn(
  task: 'clone' | 'check' | 'source-build',
  name: string,
  runAfter: readonly string[],
): PipelineTask {
  const { spec } = builtInTask(task);
  const values: Readonly<Record<string, string>> = {
    url: '$(params.clone-url)',
    revision: '$(params.revision)',
    model: '$(params.model)',
    project: '$(params.project)',
    registry: '$(params.registry)',
    tag: '$(params.tag)',
  };
  return {
    name,
    taskSpec: spec!,
    params: (spec?.params ?? []).map((param) => ({
      name: param.name,
      value: task === 'check' && param.name === 'model' ? '' : (values[param.name] ?? ''),
    })),
    workspaces: (spec?.workspaces ?? []).map((workspace) => ({
      name: workspace.name,
      workspace: workspace.name,
    })),
    ...(runAfter.length > 0 ? { runAfter: [...runAfter] } : {}),
  };
}
