// The API over the store on disk, in a process of its own: node server.ts DIRECTORY PORT
import { TypeRegistry } from '@tagboat/api';
import { apiServerPlugin } from '@tagboat/apiserver';
import { silentLogger } from '@tagboat/base';
import { openDiskStore } from '@tagboat/store';
import Fastify from 'fastify';

const [directory = '', port = '0'] = process.argv.slice(2);
const types = new TypeRegistry();
const store = await openDiskStore({ directory, keyFile: `${directory}/key`, types });
if (store.count(types.find('v1', 'Namespace')!) === 0)
  await store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bench' } });
const app = Fastify({ forceCloseConnections: true });
await apiServerPlugin(app, {
  store,
  types,
  log: silentLogger,
  podAccess: () => {
    throw new Error('there are no pods here');
  },
});
await app.listen({ host: '127.0.0.1', port: Number(port) });
process.stdout.write('ready\n');
process.on('SIGTERM', () => {
  void app
    .close()
    .then(() => store[Symbol.asyncDispose]())
    .then(() => process.exit(0));
});
