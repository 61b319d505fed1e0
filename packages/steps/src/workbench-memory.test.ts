import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChecked } from '@tagboat/process';
import { afterEach, beforeEach, expect, test } from 'vitest';

const server = join(import.meta.dirname, '..', 'labextension', 'server');
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tagboat-memory-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** What the module of JupyterLab's server says of kernels that ended, with the group's counter at each. */
async function reasons(deaths: readonly [kills: number, code: number][]): Promise<string[]> {
  const script = `
import sys, pathlib
sys.dont_write_bytecode = True
sys.path.insert(0, ${JSON.stringify(server)})
import tagboat_memory as m
root = pathlib.Path(${JSON.stringify(root)})
kills = m.Kills(lambda: m.group_memory(root))
for count, code in ${JSON.stringify(deaths)}:
    file = root / "sys/fs/cgroup/memory.events"
    file.write_text(f"oom 9\\noom_kill {count}\\n")
    print(kills.why(code))
`;
  const { stdout } = await runChecked('python3', ['-c', script]);
  return stdout.toString().trim().split('\n');
}

test('a kernel that the memory limit killed is told of with the limit, others are not', async () => {
  await mkdir(join(root, 'proc/self'), { recursive: true });
  await mkdir(join(root, 'sys/fs/cgroup'), { recursive: true });
  await writeFile(join(root, 'proc/self/cgroup'), '0::/\n');
  await writeFile(join(root, 'sys/fs/cgroup/memory.events'), 'oom_kill 3\n');
  await writeFile(join(root, 'sys/fs/cgroup/memory.max'), `${2 ** 31}\n`);
  const killed = "The kernel was killed: used more than the workbench's limit of 2Gi.";
  expect(
    await reasons([
      [3, -9],
      [4, -9],
      [5, 1],
      [5, -9],
    ]),
  ).toEqual(['None', killed, 'None', 'None']);
});

test('where there is no memory controller, nothing is claimed', async () => {
  await mkdir(join(root, 'sys/fs/cgroup'), { recursive: true });
  expect(await reasons([[4, -9]])).toEqual(['None']);
});
