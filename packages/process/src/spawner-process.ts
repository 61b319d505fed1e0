// The process behind `Spawner`: starts what it is told to, and tells when that has ended.
import { spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import type { SpawnerReply, SpawnerRequest } from './spawner.ts';

const reply = (message: SpawnerReply) => void process.send?.(message);

function start({ id, file, args, cwd, env, stdout, stderr, keepsChildren }: SpawnerRequest): void {
  const opened: number[] = [];
  try {
    for (const path of [stdout, stderr]) opened.push(openSync(path, constants.O_WRONLY));
    const child = spawn(file, args, {
      cwd,
      env: { ...env },
      detached: true,
      stdio: ['ignore', opened[0], opened[1]],
    });
    child.on('error', ({ message }) => reply({ id, kind: 'failed', message }));
    const { pid } = child;
    if (pid === undefined) return;
    reply({ id, kind: 'started', pid });
    child.on('exit', (code, signal) => {
      // At once: later the number could be another group's.
      if (!keepsChildren) endGroup(pid);
      reply({ id, kind: 'ended', code, signal });
    });
  } catch (error) {
    reply({ id, kind: 'failed', message: (error as Error).message });
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}

function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

process.on('disconnect', () => process.exit());
process.on('message', (request) => start(request as SpawnerRequest));
