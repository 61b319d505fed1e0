import { KubeConfig } from '@kubernetes/client-node';
import { keyOf, kinds, TypeRegistry } from '@tagboat/api';
import { apiServerPlugin } from '@tagboat/apiserver';
import { silentLogger } from '@tagboat/base';
import { ClusterStore } from '@tagboat/cluster';
import { deleteIfPresent, mutate, ObjectStore } from '@tagboat/store';
import { storeContract } from '@tagboat/store/testing';
import Fastify from 'fastify';
import { afterEach } from 'vitest';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Tagboat's own API over a store in memory. */
async function ownServer(): Promise<KubeConfig> {
  const types = new TypeRegistry();
  const store = new ObjectStore({ types });
  const app = Fastify({ forceCloseConnections: true });
  const podAccess = () => {
    throw new Error('there are no pods here');
  };
  await apiServerPlugin(app, { store, types, log: silentLogger, podAccess });
  const server = await app.listen({ host: '127.0.0.1', port: 0 });
  cleanups.push(() => app.close());
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'own', server, skipTLSVerify: true }],
    users: [{ name: 'own' }],
    contexts: [{ name: 'own', cluster: 'own', user: 'own' }],
    currentContext: 'own',
  });
  return config;
}

/** The cluster that somebody named; what an earlier test left in it goes. */
async function namedCluster(file: string): Promise<KubeConfig> {
  const config = new KubeConfig();
  config.loadFromFile(file);
  const store = new ClusterStore({ config, types: new TypeRegistry() });
  for (const namespace of ['demo', 'elsewhere'])
    for (const type of [kinds.ConfigMap, kinds.Deployment])
      for (const object of (await store.list(type, { namespace })).items) {
        if (object.metadata.finalizers?.length)
          await mutate(store, keyOf(type, object), (draft) => {
            draft.metadata.finalizers = [];
          });
        await deleteIfPresent(store, keyOf(type, object));
      }
  return config;
}

const named = process.env.TAGBOAT_CONTRACT_KUBECONFIG;

storeContract(named ? `the cluster of ${named}` : 'over HTTP', async () => {
  const config = named ? await namedCluster(named) : await ownServer();
  return new ClusterStore({ config, types: new TypeRegistry() });
});
