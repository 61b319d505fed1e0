// kill -9 of the whole platform at seeded points of a tag's way, then started again. See README.md.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { type KubernetesObject, kinds, type PipelineRun } from '@tagboat/api';
import type { Client } from '@tagboat/client';
import {
  failures,
  finishedRun,
  leftovers,
  PlatformProcess,
  reasonOf,
  serving,
  tinyProject,
  WorkingCopy,
} from '@tagboat/dev-env';
import { runCommand } from '@tagboat/process';

const project = 'killed';

/** A small seeded generator (mulberry32): the same seed gives the same points. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Milliseconds from a tag to its model serving. */
async function timeOf(platform: PlatformProcess, copy: WorkingCopy, tag: string): Promise<number> {
  const start = performance.now();
  await copy.ship(tag, { 'helper.py': `VALUE = 41\n# ${tag}\n` });
  const client = await platform.client();
  await finishedRun(client, project, tag);
  await serving(client, { namespace: `${project}-staging`, model: 'tiny', tag });
  return performance.now() - start;
}

async function answer(platform: PlatformProcess): Promise<unknown> {
  const url = `${platform.appsUrl}/${project}-staging/tiny/predict`;
  const response = await fetch(url, { method: 'POST', body: '1' });
  return response.ok ? ((await response.json()) as { mean?: number }).mean : `${response.status}`;
}

/** What must hold when everything has settled. @returns what does not */
async function problems(
  client: Client,
  platform: PlatformProcess,
  tag: string,
  value: number,
): Promise<string[]> {
  const found: string[] = [];
  const run = await finishedRun(client, project, tag);
  if (reasonOf(run) !== 'Succeeded')
    found.push(`the run ended ${reasonOf(run)}: ${await failures(client, run)}`);
  await serving(client, { namespace: `${project}-staging`, model: 'tiny', tag });
  const { items } = await client.list<PipelineRun>(kinds.PipelineRun, { namespace: project });
  const same = items.filter(({ metadata }) => Object.values(metadata.annotations ?? {}).includes(tag));
  if (same.length !== 1) found.push(`${same.length} runs for ${tag}`);
  const given = await answer(platform);
  if (given !== value) found.push(`expected the answer ${value}, found ${given}`);
  const { items: pods } = await client.list<KubernetesObject>(kinds.Pod, { namespace: `${project}-staging` });
  const processes = leftovers(platform.home).filter((line) => line.includes('tagboat_serve')).length;
  if (processes > pods.length * 4) found.push(`${processes} server processes for ${pods.length} pods`);
  return found;
}

/** Reads everything that is kept: every object, every git object, every blob. @returns what is wrong */
async function corruptions(client: Client, home: string): Promise<string[]> {
  const checked = (await (await client.request('POST', '/tagboat/check')).json()) as { problems: string[] };
  const found = [...checked.problems];
  for (const path of await readdir(join(home, 'git'), { recursive: true }))
    if (path.endsWith('.git')) {
      const { code, stderr } = await runCommand('git', ['fsck', '--full', '--strict'], {
        cwd: join(home, 'git', path),
      });
      if (code !== 0) found.push(`${path}: ${stderr}`);
    }
  for (const { name, parentPath } of await readdir(join(home, 'blobs', 'sha256'), {
    recursive: true,
    withFileTypes: true,
  })) {
    if (!/^[0-9a-f]{64}$/.test(name)) continue;
    const hash = createHash('sha256');
    await pipeline(createReadStream(join(parentPath, name)), hash);
    if (hash.digest('hex') !== name) found.push(`blob ${name} is not what its name says`);
  }
  return found;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { points: { type: 'string', default: '50' }, seed: { type: 'string', default: '1' } },
  });
  const next = random(Number(values.seed));
  await using platform = await PlatformProcess.start();
  await using copy = await WorkingCopy.create(() => platform.gitUrl(project, 'tiny'), tinyProject);
  // The first captures the base image, which happens once.
  await timeOf(platform, copy, 'v0.0.1');
  const whole = await timeOf(platform, copy, 'v0.0.2');
  console.log(
    `a tag takes ${(whole / 1000).toFixed(1)} s; ${values.points} points in that time, seed ${values.seed}`,
  );
  let failed = 0;
  for (let point = 1; point <= Number(values.points); point++) {
    const tag = `v1.${point}.0`;
    const value = 40 + (point % 5);
    const wait = Math.round(next() * whole);
    await copy.ship(tag, { 'helper.py': `VALUE = ${value}\n# ${point}\n` });
    await pause(wait);
    await platform.kill();
    await pause(200);
    const orphans = leftovers(platform.home);
    await platform.start();
    // What the next start mends may be cut short too.
    const again = point % 3 === 0 ? Math.round(next() * 1000) : undefined;
    if (again !== undefined) {
      await pause(again);
      await platform.kill();
      await pause(200);
      orphans.push(...leftovers(platform.home));
      await platform.start();
    }
    const found = await problems(await platform.client(), platform, tag, value).catch((error: Error) => [
      error.message,
    ]);
    if (orphans.length > 0) found.unshift(`${orphans.length} orphans: ${orphans[0]}`);
    if (found.length > 0) failed++;
    console.log(
      `${String(point).padStart(3)}. killed after ${String(wait).padStart(5)} ms${again === undefined ? '' : ` and ${again} ms after the start`}: ${found.join('; ') || 'converged'}`,
    );
  }
  const broken = await corruptions(await platform.client(), platform.home);
  console.log(broken.length === 0 ? 'store, repositories and blobs are whole' : broken.join('\n'));
  console.log(
    `${Number(values.points) - failed} of ${values.points} converged: one run, the right answer, no orphans`,
  );
  if (failed + broken.length > 0) process.exitCode = 1;
}

await main();
