import { createServer } from 'node:net';

export interface PodAddress {
  readonly ip: string;
  readonly port: number;
}

/** Gives each pod an address of its own on loopback: 127.x.y.z on Linux, else a free port of 127.0.0.1. */
export class AddressPool {
  readonly #used = new Set<string>();
  #next = 1;

  async take(containerPort: number): Promise<PodAddress> {
    if (process.platform !== 'linux') return { ip: '127.0.0.1', port: await freePort('127.0.0.1') };
    for (;;) {
      const number = this.#next++ % 65_000;
      const ip = `127.77.${number >> 8}.${number & 255 || 1}`;
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
