import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readConfiguration } from './configuration.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'configuration-'));
});
afterEach(() => rm(home, { recursive: true }));

async function read(text: string) {
  await writeFile(join(home, 'tagboat.config.yaml'), text);
  return readConfiguration({ TAGBOAT_HOME: home });
}

it('keeps things as long as is said, and what is not said as usual', async () => {
  const text = 'keep:\n  logs: { days: 1 }\n  registry: { days: 7 }\n  environments: { days: .inf }\n';
  const { retained, keepUnused } = await read(text);
  expect(retained).toMatchObject({ logs: { days: 1, bytes: 2 * 2 ** 30 }, artifacts: { days: 90 } });
  expect(keepUnused).toEqual({
    registry: { days: 7 },
    environments: { days: Number.POSITIVE_INFINITY },
    workspaces: { days: 7 },
  });
  expect((await read('')).keepUnused).toEqual({
    registry: { days: 90 },
    environments: { days: 30 },
    workspaces: { days: 7 },
  });
});

it.each([
  [
    'keep: { images: { days: 1 } }',
    'unknown key "images"; expected logs, artifacts, registry, environments, workspaces',
  ],
  ['keep: { registry: { megabytes: 1 } }', 'unknown key "megabytes"; expected days'],
  ['keep: { registry: { days: soon } }', 'expected a number of days, found "soon"'],
  ['keep: { registry: 7 }', 'expected a map in keep.registry'],
])('refuses %s', async (text, message) => {
  await expect(read(text)).rejects.toMatchObject({ message: expect.stringContaining(message) });
});
