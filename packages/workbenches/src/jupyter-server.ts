import type { Notebook, Pod } from '@tagboat/api';
import { workbenchPath } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import { serverPort } from './pod-of.ts';

export interface ServerReach {
  readonly notebook: Notebook;
  readonly pod: Pod;
  readonly token: string;
}

/** Where the server of a pod listens; undefined while it has no address. */
export function serverUrl(pod: Pod): string | undefined {
  const { podIP, hostPort } = pod.status ?? {};
  const declared = (pod.spec?.containers ?? []).flatMap(({ ports }) => ports ?? [])[0]?.containerPort;
  return podIP ? `http://${podIP}:${hostPort ?? declared ?? serverPort}` : undefined;
}

/** Asks the REST API of a workbench's Jupyter server. @throws `Unavailable` */
export async function askServer<T>({ notebook, pod, token }: ServerReach, path: string): Promise<T> {
  const { name, namespace = '' } = notebook.metadata;
  const response = await fetch(`${serverUrl(pod)}${workbenchPath(namespace, name)}${path}`, {
    headers: { authorization: `token ${token}` },
    signal: AbortSignal.timeout(5000),
  });
  if (!response.ok)
    throw new TagboatError(
      `the Jupyter server of ${namespace}/${name} answered ${response.status} for ${path}`,
      {
        reason: 'Unavailable',
      },
    );
  return (await response.json()) as T;
}
