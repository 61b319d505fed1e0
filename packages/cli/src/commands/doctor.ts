import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Health } from '@tagboat/api';
import { bytesText, isReason, TagboatError } from '@tagboat/base';
import { type Configuration, check, defaultHome, hostFindings, readConfiguration } from '@tagboat/server';
import { openDiskStore } from '@tagboat/store';
import { defineCommand } from 'citty';
import { toolsOfHost } from '../host.ts';
import { ago, outputOption, show } from '../output.ts';
import { about, connect } from '../session.ts';
import { linesOf } from './collect.ts';

export default defineCommand({
  meta: { name: 'doctor', description: 'Looks at what this machine has, and says what is missing' },
  args: outputOption,
  async run({ args }) {
    const home = defaultHome();
    const platform = await check(
      'platform',
      async () => {
        const { url, driver } = await about(await connect());
        return `up at ${url}, pods by ${driver}`;
      },
      'start it with: tagboat up',
    );
    const findings = [
      ...(await hostFindings(home, () => toolsOfHost(home))),
      await check('settings', async () => settings(await readConfiguration()), 'correct tagboat.config.yaml'),
      await check('store', () => storeState(home), 'restore a backup: tagboat restore FILE'),
      platform,
      ...(platform.state === 'ok' ? [await check('storage', storage, '')] : []),
    ];
    show(findings as unknown as Record<string, unknown>[], {
      output: args.output,
      columns: ['what', 'state', 'found'],
    });
    if (findings.some(({ state, what }) => state === 'missing' && what !== 'platform')) process.exitCode = 1;
  },
});

/** Which ports are elsewhere. */
function settings({ ports }: Configuration): string {
  const outside = Object.entries(ports).map(([name, port]) => `${name} at ${port?.url}`);
  return outside.join(', ') || 'everything on this machine';
}

/** What takes space, and what the last collection of what nothing uses removed. */
async function storage(): Promise<string> {
  const health = (await (await (await connect()).request('GET', '/tagboat/health')).json()) as Health;
  const { storage: parts, freeBytes, collection } = health;
  const largest = parts.slice(0, 4).map(({ name, bytes }) => `${name} ${bytesText(bytes)}`);
  const lines = collection
    ? [
        `collected ${ago(collection.at)}, ${bytesText(collection.removedBytesInAll)} in all`,
        ...linesOf(collection),
      ]
    : ['nothing was collected yet; to do it now: tagboat collect'];
  return [`${largest.join(', ')}; ${bytesText(freeBytes)} free`, ...lines].join('\n');
}

/** Reads the whole store again, through the running platform or by itself. @throws where something is wrong */
async function storeState(home: string): Promise<string> {
  const problems = await problemsOfStore(home);
  if (problems === undefined) return 'none yet';
  if (problems.length > 0) throw new TagboatError(problems.join('; '), { reason: 'Corrupt' });
  return 'all objects can be read';
}

async function problemsOfStore(home: string): Promise<string[] | undefined> {
  try {
    const response = await (await connect()).request('POST', '/tagboat/check');
    return ((await response.json()) as { problems: string[] }).problems;
  } catch (error) {
    if (!isReason(error, 'Unavailable')) throw error;
  }
  const directory = join(home, 'store');
  const there = await access(join(directory, 'store.sqlite')).then(
    () => true,
    () => false,
  );
  if (!there) return undefined;
  await using store = await openDiskStore({ directory, keyFile: join(home, 'config', 'store-key') });
  return await store.check();
}
