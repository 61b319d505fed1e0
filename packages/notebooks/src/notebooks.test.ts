import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { executeNotebook, injectParameters, type NotebookEvent, parseNotebook } from './index.ts';
import { decode, encode } from './wire.ts';

const code = (source: string, tags?: string[]) => ({
  cell_type: 'code' as const,
  source,
  metadata: tags ? { tags } : {},
  outputs: [],
  execution_count: null,
});
const notebook = (...cells: ReturnType<typeof code>[]) => ({
  cells,
  metadata: { kernelspec: { name: 'python3', language: 'python' } },
  nbformat: 4,
  nbformat_minor: 4,
});

describe('parameters', () => {
  it('injects after the tagged cell, replaces an earlier injection, and writes Python literals', () => {
    const tagged = notebook(code('a = 1', ['parameters']), code('print(a)'));
    const once = injectParameters(tagged, { a: 2 });
    expect(once.cells.map((cell) => cell.source)).toEqual(['a = 1', '# Parameters\na = 2\n', 'print(a)']);
    const twice = injectParameters(once, { a: null, b: [true, 'x"\n'], c: { d: Number.NaN } });
    expect(twice.cells).toHaveLength(3);
    expect(twice.cells[1]?.source).toBe(
      '# Parameters\na = None\nb = [True, "x\\"\\n"]\nc = {"d": float(\'nan\')}\n',
    );
    expect(injectParameters(notebook(code('x')), { a: 1 }).cells[0]?.source).toContain('a = 1');
  });
});

describe('parseNotebook', () => {
  it('names what is wrong', () => {
    expect(() => parseNotebook('{', 'n.ipynb')).toThrow(/n\.ipynb is not a notebook/);
    expect(() => parseNotebook('{"nbformat": 3}', 'n.ipynb')).toThrow(/format 4, found 3/);
    expect(() => parseNotebook('{"nbformat": 4, "cells": [{}]}', 'n.ipynb')).toThrow(/cell 1/);
  });
});

describe('wire', () => {
  it('refuses messages that are signed with another key', () => {
    const { frames } = encode({ type: 't', content: { a: 1 }, session: 's' }, 'key');
    expect(decode(frames, 'key')?.content).toEqual({ a: 1 });
    expect(decode(frames, 'other')).toBeUndefined();
  });
});

const python = process.env.TAGBOAT_TEST_PYTHON;
describe.skipIf(!python)(
  'executeNotebook with a real kernel (TAGBOAT_TEST_PYTHON names a Python that has ipykernel)',
  () => {
    let directory: string;
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'tagboat-notebooks-'));
    });
    afterEach(() => rm(directory, { recursive: true, force: true }));

    async function run(content: object, parameters = {}, more = {}) {
      const path = join(directory, 'n.ipynb');
      const outputPath = join(directory, 'out.ipynb');
      await writeFile(path, JSON.stringify(content));
      const events: NotebookEvent[] = [];
      const running = executeNotebook({
        path,
        outputPath,
        parameters,
        cwd: directory,
        python: python!,
        env: process.env,
        onEvent: (event) => events.push(event),
        ...more,
      });
      const outcome = await running.then(
        () => undefined,
        (error: unknown) => error,
      );
      return { events, error: outcome, output: parseNotebook(await readFile(outputPath, 'utf8'), 'out') };
    }

    it('runs cells, merges streams, updates displays and keeps results', async () => {
      const { output, error, events } = await run(
        notebook(
          code('n = 1', ['parameters']),
          code(
            'print(n); print("b")\nfrom IPython.display import display\nh = display("old", display_id=True)',
          ),
          code('h.update("new"); n + 1'),
          code('1/0', ['raises-exception']),
        ),
        { n: 41 },
      );
      expect(error).toBeUndefined();
      expect(output.cells[2]?.outputs?.[0]).toMatchObject({ output_type: 'stream', text: '41\nb\n' });
      expect(output.cells[2]?.outputs?.[1]?.data?.['text/plain']).toBe("'new'");
      expect(output.cells[3]?.outputs?.[0]).toMatchObject({
        output_type: 'execute_result',
        data: { 'text/plain': '42' },
      });
      expect(output.metadata.papermill).toMatchObject({ parameters: { n: 41 }, exception: false });
      expect(events.filter((event) => event.type === 'cell' && event.state === 'done')).toHaveLength(5);
    });

    it('names notebook, cell, exception and line', async () => {
      const { error, output } = await run(
        notebook(code('x = 1'), code('def f():\n    raise ValueError("no good")\nf()'), code('x')),
      );
      expect(error).toMatchObject({ reason: 'CellFailed', exceptionName: 'ValueError' });
      expect((error as Error).message).toMatch(/n\.ipynb, cell 2: ValueError: no good/);
      expect(output.cells[1]?.outputs?.at(-1)?.output_type).toBe('error');
    });

    it('says when the kernel dies and when a cell takes too long', async () => {
      expect((await run(notebook(code('import os; os._exit(3)')))).error).toMatchObject({
        reason: 'KernelDied',
      });
      expect(
        (await run(notebook(code('import time; time.sleep(60)')), {}, { cellTimeout: 300 })).error,
      ).toMatchObject({ reason: 'Timeout' });
    });
  },
);
