import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { StepContext } from './context.ts';
import { importPath, importRoots, keepImportRoots } from './import-roots.ts';

it('steps of a run import what the requirements name as directories', async () => {
  const workspace = await mkdtemp(join(tmpdir(), 'tagboat-roots-'));
  try {
    const context = new StepContext({ TAGBOAT_WORKSPACE: workspace }, () => undefined);
    expect(importPath(await importRoots(context), '/project')).toEqual({});
    const source = { file: 'requirements.txt', line: 1 };
    await keepImportRoots(context, [
      { path: '.', importRoot: 'src', extras: [], source },
      { path: 'pkg', importRoot: 'pkg', extras: [], source },
    ]);
    expect(importPath(await importRoots(context), '/project', ['/server'])).toEqual({
      PYTHONPATH: '/server:/project/src:/project/pkg',
    });
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
});
