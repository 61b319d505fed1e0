import { invalid } from '@tagboat/base';
import type { Client } from '@tagboat/client';
import { connect, currentRepository } from './session.ts';

export const repositoryOption = {
  repository: {
    type: 'string',
    alias: 'r',
    description: 'PROJECT/NAME; default: the one of this directory',
  },
} as const;
export interface Place {
  readonly client: Client;
  readonly project: string;
  readonly name: string;
  /** Path of its REST API. */
  readonly api: string;
}

/** The repository that is meant: as it is said, else where we are. @throws `Invalid` */
export async function placeOf(repository: string | undefined): Promise<Place> {
  const client = await connect();
  const here = repository === undefined ? await currentRepository(client) : undefined;
  const [project, name] = repository?.split('/') ?? [here?.project, here?.name];
  if (!project || !name)
    throw invalid('which repository?', { hint: 'say it with -r PROJECT/NAME, or go into a clone of it' });
  return { client, project, name, api: `/git/api/v1/repos/${project}/${name}` };
}

/** Asks the REST API of the repository for a change. */
export async function post<T = Record<string, unknown>>(
  place: Place,
  path: string,
  body: object,
): Promise<T> {
  const response = await place.client.request('POST', `${place.api}${path}`, body);
  return (await response.json()) as T;
}
