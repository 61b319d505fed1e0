import { kinds, type Pod, type TaskRun } from '@tagboat/api';
import { notFound } from '@tagboat/base';
import type { Client } from '@tagboat/client';
import { defineCommand } from 'citty';
import pc from 'picocolors';
import { projectOption } from '../output.ts';
import { connect } from '../session.ts';

export default defineCommand({
  meta: { name: 'logs', description: 'Prints the logs of a run, a pod or a served model' },
  args: {
    name: { type: 'positional', required: true, description: 'a run, a pod, or a model' },
    task: { type: 'string', alias: 't', description: 'only this task of the run' },
    follow: { type: 'boolean', alias: 'f', description: 'go on as more is written' },
    ...projectOption,
  },
  async run({ args }) {
    const client = await connect();
    const scope = args.project ? { namespace: args.project } : {};
    const { items: tasks } = await client.list<TaskRun>(kinds.TaskRun, scope);
    const own = tasks
      .filter(
        ({ metadata }) =>
          metadata.labels?.['tekton.dev/pipelineRun'] === args.name || metadata.name === args.name,
      )
      .filter(({ metadata }) => !args.task || metadata.labels?.['tekton.dev/pipelineTask'] === args.task)
      .sort((a, b) => ((a.status?.startTime ?? '') < (b.status?.startTime ?? '') ? -1 : 1));
    const pods = own.flatMap(({ metadata, status }) =>
      status?.podName
        ? [
            {
              namespace: metadata.namespace ?? '',
              name: status.podName,
              title: metadata.labels?.['tekton.dev/pipelineTask'] ?? metadata.name,
            },
          ]
        : [],
    );
    if (pods.length === 0) pods.push(...(await podsOf(client, args.name, scope)));
    if (pods.length === 0)
      throw notFound(`there is no run, pod or model "${args.name}" with a log`, {
        hint: 'see: tagboat runs, tagboat apps',
      });
    for (const pod of pods) await print(client, pod, args.follow ?? false);
  },
});

async function podsOf(client: Client, name: string, scope: { namespace?: string }) {
  const { items } = await client.list<Pod>(kinds.Pod, scope);
  return items
    .filter(
      ({ metadata }) =>
        metadata.name === name || metadata.labels?.['serving.kserve.io/inferenceservice'] === name,
    )
    .map(({ metadata }) => ({
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      title: metadata.name,
    }));
}

async function print(
  client: Client,
  pod: { namespace: string; name: string; title: string },
  follow: boolean,
): Promise<void> {
  const found = await client.get<Pod>({ type: kinds.Pod, namespace: pod.namespace, name: pod.name });
  process.stdout.write(`${pc.bold(pod.title)}\n`);
  for (const { name } of found?.spec?.containers ?? []) {
    let printed = false;
    for await (const text of client.logs({ ...pod, container: name }, { follow })) {
      printed = true;
      process.stdout.write(text);
    }
    if (!printed) process.stdout.write(pc.dim('(nothing)\n'));
  }
}
