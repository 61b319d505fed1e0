import { TagboatError } from '@tagboat/base';
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { client, fetchJson } from '../../data/client.ts';
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

interface Contents {
  readonly content: string | null;
  readonly sha: string;
}

const urlOf = ({ project, repository, path }: FileAddress) =>
  `/git/api/v1/repos/${project}/${repository}/contents/${path.split('/').map(encodeURIComponent).join('/')}`;

export function useFile(
  address: FileAddress,
  create: string | undefined,
): UseQueryResult<RepositoryFile, TagboatError> {
  return useQuery<RepositoryFile, TagboatError>({
    queryKey: ['file', urlOf(address)],
    staleTime: 0,
    retry: false,
    queryFn: async () => {
      try {
        const { content, sha } = await fetchJson<Contents>(urlOf(address));
        return { text: decode(content ?? ''), sha };
      } catch (error) {
        if (create !== undefined && error instanceof TagboatError && error.reason === 'NotFound')
          return { text: create };
        throw error;
      }
    },
  });
}

/** Saves a file by a commit. @returns the commit. @throws `Conflict` where it changed meanwhile */
export async function saveFile(
  address: FileAddress,
  file: { readonly text: string; readonly sha: string | undefined },
  message: string,
): Promise<string> {
  const response = await client.request(file.sha ? 'PUT' : 'POST', urlOf(address), {
    content: encode(file.text),
    message,
    ...(file.sha ? { sha: file.sha } : {}),
  });
  const { commit } = (await response.json()) as { commit: { sha: string } };
  await queryClient.invalidateQueries({ queryKey: ['file', urlOf(address)] });
  return commit.sha;
}

const decode = (base64: string): string =>
  new TextDecoder().decode(
    Uint8Array.from(atob(base64.replace(/\s/g, '')), (letter) => letter.charCodeAt(0)),
  );

const encode = (text: string): string =>
  btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''));
