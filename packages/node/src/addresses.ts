import { createServer } from 'node:net';
import { shortHash } from '@tagboat/base';

export interface PodAddress {
  readonly ip: string;
  readonly port: number;
}

/** Gives each pod an address of its own on loopback: 127.x.y.z on Linux, else a free port of 127.0.0.1. */
export class AddressPool {
  readonly #used = new Set<string>();
  readonly #network: number;
  #next: number;

  /** @param owner names the node, such as its state directory: two of them on one machine start in other places */
  constructor(owner: string) {
    const seed = Number.parseInt(shortHash([owner], 8), 16);
    this.#network = 64 + (seed % 64);
    this.#next = (seed >> 6) & 0x7fff;
  }

  async take(containerPort: number): Promise<PodAddress> {
    if (process.platform !== 'linux') return { ip: '127.0.0.1', port: await freePort('127.0.0.1') };
    for (;;) {
      const number = this.#next++ % 65_000;
      const ip = `127.${this.#network}.${number >> 8}.${number & 255 || 1}`;
      if (this.#used.has(ip) || !(await isFree(ip, containerPort))) continue;
      this.#used.add(ip);
      return { ip, port: containerPort };
    }
  }

  release(ip: string): void {
    this.#used.delete(ip);
  }
}

function listenOnce(host: string, port: number): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}

const isFree = async (host: string, port: number) => (await listenOnce(host, port)) !== undefined;

async function freePort(host: string): Promise<number> {
  const port = await listenOnce(host, 0);
  if (port === undefined) throw new Error(`no free port on ${host}`);
  return port;
}
