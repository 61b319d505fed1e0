import { invalid } from '@tagboat/base';
import { repositoryForm } from '@tagboat/oci';
import { type BlobStore, describeRepository, listRepositories } from '@tagboat/registry';
import type { FastifyInstance } from 'fastify';

/**
 * `/tagboat/images`: what the registry holds; with `repository`, its manifests with layers, sizes and tags, from
 * the newest but `skip`.
 */
export function imageRoutes(scope: FastifyInstance, blobs: BlobStore): void {
  scope.get<{ Querystring: { repository?: string; skip?: string } }>(
    '/tagboat/images',
    async ({ query: { repository, skip } }) => {
      if (repository === undefined) return { items: await listRepositories(blobs) };
      if (!repositoryForm.test(repository))
        throw invalid(`"${repository}" is no name of an image repository`);
      return describeRepository(blobs, repository, Math.max(0, Math.trunc(Number(skip ?? 0)) || 0));
    },
  );
}
