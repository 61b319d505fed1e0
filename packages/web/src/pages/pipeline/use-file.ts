import { isReason, type TagboatError } from '@tagboat/base';
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { commitChanges, type RepositoryName, readFile } from '../../data/git.ts';
import { queryClient } from '../../data/query.ts';

export interface FileAddress {
  readonly project: string;
  readonly repository: string;
  readonly path: string;
}

/** A file as it is at the head of the default branch. */
export interface RepositoryFile {
  readonly text: string;
  /** Its blob, which a save must name; absent for a file that is not there yet. */
  readonly sha?: string;
}

const nameOf = ({ project, repository }: FileAddress): RepositoryName => ({ project, name: repository });
const keyOf = ({ project, repository, path }: FileAddress) => ['file', project, repository, path];

/** `create`: what a file holds that is not there yet. */
export function useFile(
  address: FileAddress,
  create: string | undefined,
): UseQueryResult<RepositoryFile, TagboatError> {
  return useQuery<RepositoryFile, TagboatError>({
    queryKey: keyOf(address),
    staleTime: 0,
    retry: false,
    queryFn: async () => {
      try {
        const { text, sha } = await readFile(nameOf(address), address.path, '');
        return { text, sha };
      } catch (error) {
        if (create !== undefined && isReason(error, 'NotFound')) return { text: create };
        throw error;
      }
    },
  });
}

/** Saves a file by a commit on the default branch. @returns the commit. @throws `Conflict` where it changed meanwhile */
export async function saveFile(
  address: FileAddress,
  { text, sha }: { readonly text: string; readonly sha: string | undefined },
  message: string,
): Promise<string> {
  const file = { path: address.path, text, ...(sha ? { sha } : {}) };
  const commit = await commitChanges(nameOf(address), { branch: '', message, files: [file] });
  await queryClient.invalidateQueries({ queryKey: keyOf(address) });
  return commit;
}
