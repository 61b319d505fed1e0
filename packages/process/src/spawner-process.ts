// The process behind `Spawner`: starts what it is told to, and tells when that has ended.
import { spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import type { SpawnerReply, SpawnerRequest } from './spawner.ts';
import { signalProcessGroup, startHere } from './start-command.ts';

type Spawning = Extract<SpawnerRequest, { kind: 'spawn' }>;

const reply = (message: SpawnerReply) => void process.send?.(message);

function start({ id, file, args, cwd, env, descriptors = [], keepsChildren }: Spawning): void {
  const opened: number[] = [];
  try {
    const stdio = descriptors.map((one) => {
      if (one === 'ignore') return one;
      opened.push(openSync(one.path, one.access === 'in' ? constants.O_RDONLY : constants.O_WRONLY));
      return opened.at(-1)!;
    });
    const child = spawn(file, args, {
      cwd,
      env: { ...env },
      detached: true,
      stdio: stdio.length > 0 ? stdio : 'ignore',
    });
    child.on('error', ({ message }) => reply({ id, kind: 'failed', message }));
    const { pid } = child;
    if (pid === undefined) return;
    reply({ id, kind: 'started', pid });
    child.on('exit', (code, signal) => {
      // At once: later the number could be another group's.
      if (!keepsChildren) signalProcessGroup(pid, 'SIGKILL');
      reply({ id, kind: 'ended', code, signal });
    });
  } catch (error) {
    reply({ id, kind: 'failed', message: (error as Error).message });
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}

function run({ id, ...command }: Extract<SpawnerRequest, { kind: 'run' }>): void {
  const failed = ({ message }: Error) => reply({ id, kind: 'failed', message });
  try {
    const { pid, ended } = startHere(command, (stream, data) => reply({ id, kind: 'output', stream, data }));
    if (pid !== undefined) reply({ id, kind: 'started', pid });
    ended.then((end) => reply({ id, kind: 'ended', ...end }), failed);
  } catch (error) {
    failed(error as Error);
  }
}

process.on('disconnect', () => process.exit());
process.on('message', (request: SpawnerRequest) => (request.kind === 'run' ? run(request) : start(request)));
