import type { TagboatError } from '@tagboat/base';
import { notFound } from '@tagboat/base';
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { client } from './client.ts';

interface Manifest {
  readonly layers: readonly {
    readonly digest: string;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
}

const titleAnnotation = 'org.opencontainers.image.title';

/** One file of an OCI artifact in the platform's registry. */
export interface ArtifactFile {
  readonly name: string;
  readonly digest: string;
}

/** The files of an artifact. @throws `NotFound` where it is no longer kept */
export async function artifactFiles(repository: string, digest: string): Promise<ArtifactFile[]> {
  const response = await client.request('GET', `/v2/${repository}/manifests/${digest}`);
  const { layers = [] } = (await response.json()) as Partial<Manifest>;
  return layers.map((layer) => ({
    name: layer.annotations?.[titleAnnotation] ?? layer.digest,
    digest: layer.digest,
  }));
}

/** The text of the first file whose name ends so. An artifact never changes, so it is read once. */
export function useArtifactText(
  of: { readonly repository: string; readonly digest: string } | undefined,
  ending: string,
): UseQueryResult<{ name: string; text: string }, TagboatError> {
  return useQuery<{ name: string; text: string }, TagboatError>({
    queryKey: ['artifact', of?.repository, of?.digest, ending],
    enabled: of !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async () => {
      const { repository, digest } = of!;
      const file = (await artifactFiles(repository, digest)).find(({ name }) => name.endsWith(ending));
      if (!file) throw notFound(`${repository}@${digest} holds no ${ending} file`);
      const blob = await client.request('GET', `/v2/${repository}/blobs/${file.digest}`);
      return { name: file.name, text: await blob.text() };
    },
  });
}
