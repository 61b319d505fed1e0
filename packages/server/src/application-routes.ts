import { kinds, type TypeRegistry } from '@tagboat/api';
import { notFound } from '@tagboat/base';
import { type Application, managedResources } from '@tagboat/gitops';
import type { Reader } from '@tagboat/store';
import type { FastifyInstance } from 'fastify';

export interface ApplicationRoutesOptions {
  readonly reader: Reader;
  readonly types: TypeRegistry;
  readonly repository: (url: string) => Promise<string>;
}

/** `/tagboat/applications/<name>/managed-resources`: live beside desired, as Argo CD's API has it. */
export function applicationRoutes(scope: FastifyInstance, options: ApplicationRoutesOptions): void {
  scope.get<{ Params: { name: string } }>(
    '/tagboat/applications/:name/managed-resources',
    async ({ params: { name } }) => {
      const key = { type: kinds.Application, namespace: 'argocd', name };
      const application = await options.reader.get<Application>(key);
      if (!application) throw notFound(`there is no application ${name}`);
      return managedResources(application, options);
    },
  );
}
