import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import type { PortConnection } from '@tagboat/api';
import { childrenOf } from './enter-sandbox.ts';

/** Connects, or says with undefined that nothing listens there. */
export async function connectPort(host: string, port: number): Promise<PortConnection | undefined> {
  const socket = connect({ host, port, allowHalfOpen: true });
  try {
    await once(socket, 'connect');
  } catch {
    return undefined;
  }
  // An error ends the stream; who reads it sees that.
  socket.on('error', () => undefined);
  return connectionOf(socket);
}

function connectionOf(socket: Socket): PortConnection {
  return {
    output: socket,
    write: (data) => new Promise((resolve) => void socket.write(data, () => resolve())),
    end: () => void socket.end(),
    async [Symbol.asyncDispose]() {
      socket.destroy();
    },
  };
}

/** True where one of the processes, or of their children, listens on the TCP port. */
export async function listensOn(port: number, roots: readonly number[]): Promise<boolean> {
  const wanted = new Set(await listeners(port));
  if (wanted.size === 0) return false;
  for (const pid of await descendants(roots)) {
    const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const name of names) {
      const link = await readlink(`/proc/${pid}/fd/${name}`).catch(() => '');
      const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
      if (inode && wanted.has(inode)) return true;
    }
  }
  return false;
}

const listening = '0A';

async function listeners(port: number): Promise<string[]> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => ''));
  return (await Promise.all(tables))
    .flatMap((text) => text.split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) && fields[3] === listening)
    .map((fields) => fields[9]!);
}

async function descendants(roots: readonly number[]): Promise<number[]> {
  const found = [...roots];
  for (const pid of found) found.push(...(await childrenOf(pid)));
  return found;
}
