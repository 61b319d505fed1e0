import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type ControlGroup, ControlGroups } from './control-groups.ts';

const groups = await ControlGroups.detect(`tagboat-test-${process.pid}`);
const able = groups.controllers.length === 3;

describe.skipIf(!able)('ControlGroups (skipped where control groups cannot be made)', () => {
  let group: ControlGroup;
  afterEach(async () => {
    await group.remove();
    await groups.clean();
  });
  afterAll(() => groups[Symbol.asyncDispose]());

  async function run(script: string): Promise<[number | null, NodeJS.Signals | null]> {
    const enter = group.processFiles.map((file) => `echo $$ > ${file}`).join('; ');
    const child = spawn('sh', ['-c', `${enter}; ${script}`], { stdio: 'ignore' });
    return (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  }

  it('ends what takes more memory than it may', async () => {
    group = groups.create('pod/memory', { memory: 30 * 2 ** 20 });
    const [code, signal] = await run('exec python3 -c "bytearray(100 << 20)"');
    expect(signal === 'SIGKILL' || code === 137).toBe(true);
    expect(await group.outOfMemory()).toBe(true);
  });

  it('lets no more processes start than allowed', async () => {
    group = groups.create('pod/processes', { processes: 3 });
    const [code] = await run('set -e; sleep 0.01 & sleep 0.01 & sleep 0.01 & sleep 0.01 & wait');
    expect(code).not.toBe(0);
    expect(await group.outOfMemory()).toBe(false);
  });

  it('shares the CPUs in proportion to what is asked for', () => {
    group = groups.create('pod/asks', { requestedCpu: 0.25 }, { requestedCpu: 16 });
    const weights = (directories: string[]) =>
      directories.flatMap((directory) =>
        ['cpu.shares', 'cpu.weight'].flatMap((name) => {
          const file = join(directory, name);
          return existsSync(file) ? `${name} ${readFileSync(file, 'utf8').trim()}` : [];
        }),
      );
    const own = group.processFiles.map((file) => dirname(file));
    const isFirst = weights(own)[0]?.startsWith('cpu.shares');
    expect(weights(own)).toEqual([isFirst ? 'cpu.shares 256' : 'cpu.weight 25']);
    // The node's pods share the CPUs by the groups of pods.
    expect(weights(own.map((directory) => dirname(directory)))).toEqual([
      isFirst ? 'cpu.shares 16384' : 'cpu.weight 1600',
    ]);
  });

  it('removes the groups of a node whose process is gone, and no other', async () => {
    const ended = spawn('true');
    await once(ended, 'exit');
    const pattern = new RegExp(`^tagboat-gone-${process.pid}-(\\d+)$`);
    const [dead, alive] = await Promise.all(
      [ended.pid, process.pid].map((pid) => ControlGroups.detect(`tagboat-gone-${process.pid}-${pid}`)),
    );
    group = await dead!.create('pod/container', { processes: 3 });
    const kept = await alive!.create('pod/container', { processes: 3 });
    await groups.clean(pattern);
    expect(group.processFiles.filter(existsSync)).toEqual([]);
    expect(kept.processFiles.filter(existsSync)).toEqual(kept.processFiles);
    await alive![Symbol.asyncDispose]();
  });

  it('knows what it cannot limit', () => {
    expect(groups.missing({ memory: 1, cpu: 1, processes: 1 })).toEqual([]);
  });
});
