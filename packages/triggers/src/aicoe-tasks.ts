import type { PipelineTask } from '@tagboat/api';
import { builtInTask, type TaskName } from '@tagboat/render';
import type { TriggerEvent } from './trigger-event.ts';

/** The run's own params, as tasks refer to them. */
const params = {
  url: '$(params.clone-url)',
  revision: '$(params.revision)',
  model: '$(params.model)',
  project: '$(params.project)',
  registry: '$(params.registry)',
  tag: '$(params.tag)',
  run: '$(context.pipelineRun.name)',
} as const;

/** A URL as it is, or a name on GitHub, where this format comes from. */
export const repositoryUrl = (org: string, project: string) =>
  /^(https?|ssh|file):\/\/|^git@|^\//.test(project) ? project : `https://github.com/${org}/${project}.git`;

/** The name becomes an image's tag: one that cannot is refused before anything is built. */
export function tagCheck({ ref }: TriggerEvent): PipelineTask {
  const good = /^[\w][\w.-]{0,127}$/.test(ref.short);
  return {
    name: 'tag-check',
    taskSpec: {
      params: [{ name: 'tag', type: 'string' }],
      steps: [
        {
          name: 'check',
          image: 'bash',
          env: [{ name: 'TAG', value: '$(params.tag)' }],
          script: good
            ? '#!/bin/sh\necho "tag $TAG"\n'
            : '#!/bin/sh\necho "the tag $TAG cannot be the tag of an image: its other characters become -"\n',
        },
      ],
    },
    params: [{ name: 'tag', value: ref.short }],
  };
}

export const saying = (name: string, text: string): PipelineTask => ({
  name,
  runAfter: ['configuration'],
  taskSpec: {
    params: [{ name: 'text', type: 'string' }],
    steps: [
      {
        name: 'say',
        image: 'bash',
        env: [{ name: 'TEXT', value: '$(params.text)' }],
        script: '#!/bin/sh\necho "$TEXT"\n',
      },
    ],
  },
  params: [{ name: 'text', value: text }],
});

export function builtIn(
  task: TaskName,
  name: string,
  runAfter: readonly string[],
  values: Readonly<Record<string, string>> = {},
): PipelineTask {
  const { spec } = builtInTask(task);
  const known: Readonly<Record<string, string>> = { ...params, ...values };
  return {
    name,
    taskSpec: spec!,
    params: (spec?.params ?? []).map((param) => ({ name: param.name, value: known[param.name] ?? '' })),
    workspaces: (spec?.workspaces ?? []).map((workspace) => ({
      name: workspace.name,
      workspace: workspace.name,
    })),
    ...(runAfter.length > 0 ? { runAfter: [...runAfter] } : {}),
  };
}
