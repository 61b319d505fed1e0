import { describe, expect, it } from 'vitest';
import { injectParameters, parseNotebook, serialiseNotebook } from './index.ts';
import { upgraded } from './notebook-file.ts';
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
    expect(() => parseNotebook('{', 'n.ipynb')).toThrow(/^expected a notebook, found no JSON/);
    expect(() => parseNotebook('{"nbformat": 3}', 'n.ipynb')).toThrow(/format 4, found 3/);
    expect(() => parseNotebook('{"nbformat": 4, "cells": [{}]}', 'n.ipynb')).toThrow(/cell 1/);
  });
});

describe('wire', () => {
  it('refuses messages that are signed with another key', () => {
    const { frames } = encode({ type: 't', content: { a: 1 }, session: 's' }, 'key');
    expect([...decode(frames, 'key')]).toMatchObject([{ content: { a: 1 } }]);
    expect([...decode(frames, 'other')]).toEqual([]);
  });
});

describe('the notebook file', () => {
  it('gives every cell an id of its own, the same each time, and keeps those there are', () => {
    const cells = [{ ...code('a'), id: 'mine' }, { ...code('b'), id: 'mine' }, code('b')];
    const once = upgraded({ ...notebook(), cells });
    expect(once).toMatchObject({ nbformat: 4, nbformat_minor: 5 });
    expect(once.cells[0]?.id).toBe('mine');
    expect(new Set(once.cells.map(({ id }) => id)).size).toBe(3);
    expect(upgraded({ ...notebook(), cells })).toEqual(once);
    const nameless = { ...notebook(), metadata: { kernelspec: { language: 'python' } } };
    expect(upgraded(nameless).metadata.kernelspec).toEqual({
      language: 'python',
      name: 'python3',
      display_name: 'python3',
    });
  });

  it('is written as Jupyter writes it: lines of text, sorted keys', () => {
    const cell = {
      ...code('x = 1\nx'),
      outputs: [{ output_type: 'stream' as const, name: 'stdout', text: 'a\nb' }],
    };
    const text = serialiseNotebook({ ...notebook(), cells: [cell] });
    expect(text).toContain('"source": [\n    "x = 1\\n",\n    "x"\n   ]');
    expect(text).toContain('"text": [\n      "a\\n",\n      "b"\n     ]');
    expect(text.indexOf('"cells"')).toBeLessThan(text.indexOf('"metadata"'));
    expect(text.endsWith('}\n')).toBe(true);
  });
});
