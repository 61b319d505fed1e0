import { fileURLToPath } from 'node:url';
import {
  type Client,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { type Peer, residentBytes, started, stopped } from './peers.ts';

interface Range {
  readonly kvs: readonly { readonly value: Buffer }[];
}
interface WatchCall {
  on(event: 'data', listener: (answer: { created: boolean; events: readonly unknown[] }) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  write(request: object): void;
  cancel(): void;
}
interface Services {
  readonly KV: ServiceClientConstructor;
  readonly Watch: ServiceClientConstructor;
}
type Unary = (request: object, done: (error: Error | null, answer: never) => void) => void;

const description = fileURLToPath(new URL('./etcd.proto', import.meta.url));
const prefix = Buffer.from('/registry/configmaps/bench/');
/** The first key after all with the prefix. */
const rangeEnd = Buffer.from('/registry/configmaps/bench0');
const key = (name: string) => Buffer.concat([prefix, Buffer.from(name)]);

const unlimited = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };

class EtcdClient {
  readonly #kv: Client & Record<'Put' | 'Range', Unary>;
  readonly #watch: Client & { Watch(): WatchCall };

  constructor(address: string) {
    const { etcdserverpb } = loadPackageDefinition(
      loadSync(description, { keepCase: true, defaults: true, arrays: true }),
    ) as unknown as {
      etcdserverpb: Services;
    };
    const plain = credentials.createInsecure();
    this.#kv = new etcdserverpb.KV(address, plain, unlimited) as never;
    this.#watch = new etcdserverpb.Watch(address, plain, unlimited) as never;
  }

  put = (name: string, value: object) =>
    this.#call('Put', { key: key(name), value: Buffer.from(JSON.stringify(value)) });

  range = (request: object) => this.#call<Range>('Range', request);

  /** One stream per watcher, as clients of their own have it. */
  watch(arrived: () => void): Promise<() => void> {
    const call = this.#watch.Watch();
    return new Promise((resolve, reject) => {
      call.on('error', reject);
      call.on('data', ({ created, events = [] }) => {
        if (created) resolve(() => call.cancel());
        for (const _ of events) arrived();
      });
      call.write({ create_request: { key: key(''), range_end: rangeEnd } });
    });
  }

  close(): void {
    this.#kv.close();
    this.#watch.close();
  }

  #call<T>(method: 'Put' | 'Range', request: object): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#kv[method](request, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  }
}

function commandFor(directory: string, port: number): string[] {
  const base = `http://127.0.0.1:${port}`;
  const peers = `http://127.0.0.1:${port + 1}`;
  const options = {
    'data-dir': directory,
    'listen-client-urls': base,
    'advertise-client-urls': base,
    'listen-peer-urls': peers,
    'initial-advertise-peer-urls': peers,
    'initial-cluster': `default=${peers}`,
    logger: 'zap',
    'log-level': 'error',
    'quota-backend-bytes': '4294967296',
  };
  return ['etcd', ...Object.entries(options).map(([name, value]) => `--${name}=${value}`)];
}

/** etcd over its own API, gRPC. */
export async function etcd(directory: string, port: number): Promise<Peer> {
  const command = commandFor(directory, port);
  let client = new EtcdClient(`127.0.0.1:${port}`);
  const get = async (name: string) => void (await client.range({ key: key(name) }));
  /** A connection that failed waits before it tries again: each attempt has one of its own. */
  const start = () =>
    started(command, async () => {
      client.close();
      client = new EtcdClient(`127.0.0.1:${port}`);
      await get('none');
    });
  let { child } = await start();
  const put = async (name: string, value: object) => void (await client.put(name, value));
  return {
    name: 'etcd',
    put,
    update: put,
    get,
    list: async () => (await client.range({ key: key(''), range_end: rangeEnd })).kvs.length,
    watch: (arrived) => client.watch(arrived),
    memory: () => residentBytes(child.pid!),
    async restart() {
      await stopped(child);
      const again = await start();
      child = again.child;
      return again.took;
    },
    async [Symbol.asyncDispose]() {
      client.close();
      await stopped(child);
    },
  };
}
