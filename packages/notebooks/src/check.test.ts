import { describe, expect, it } from 'vitest';
import { checkNotebook, compareRuns, importedModules, type Notebook, type Output } from './index.ts';

const cell = (source: string, count: number | null = null, outputs: Output[] = []) => ({
  cell_type: 'code' as const,
  source,
  metadata: {},
  execution_count: count,
  outputs,
});
const notebook = (...cells: Notebook['cells']): Notebook => ({
  cells,
  metadata: {},
  nbformat: 4,
  nbformat_minor: 5,
});
const facts = { missingModules: new Set<string>(), fileProblem: () => undefined };
const rules = (of: Notebook, more = {}) =>
  checkNotebook(of, { ...facts, ...more }).map(({ rule, cell: number }) => `${number} ${rule}`);
const printed = (text: string): Output => ({ output_type: 'stream', name: 'stdout', text });

describe('checkNotebook', () => {
  it('finds cells that ran out of order', () => {
    expect(rules(notebook(cell('a', 1), cell('b', 5), cell('c', 3), cell('d', 6)))).toEqual(['3 order']);
  });

  it('finds absolute paths, and not URLs, routes or comments', () => {
    const source =
      'open("/home/ada/x.csv"); get("https://a/b"); route("/predict"); p("C:\\\\data\\\\x")\n# "/home/no"';
    expect(rules(notebook(cell(source)))).toEqual(['1 absolute-path', '1 absolute-path']);
    expect(rules(notebook(cell("read('~/data.csv')")))).toEqual(['1 absolute-path']);
  });

  it('finds modules that are missing, and installations in cells', () => {
    const of = notebook(
      cell('import os, cowsay as c\nfrom numpy.linalg import norm'),
      cell('%pip install cowsay'),
    );
    expect(importedModules(of.cells[0]!.source as string)).toEqual(['os', 'cowsay', 'numpy']);
    expect(rules(of, { missingModules: new Set(['cowsay']) })).toEqual([
      '1 missing-requirement',
      '2 install-in-cell',
    ]);
  });

  it('names what a cell installs, without options', () => {
    const [finding] = checkNotebook(notebook(cell('!pip install -q -U "a>=1" b')), {
      missingModules: new Set(),
      fileProblem: () => undefined,
    });
    expect(finding?.message).toBe('it installs "a>=1" b while it runs');
  });

  it('finds files that a run will not see', () => {
    const fileProblem = (text: string) =>
      text === 'data/x.csv' ? { message: 'untracked', fix: 'add' } : undefined;
    expect(rules(notebook(cell('read("data/x.csv")')), { fileProblem })).toEqual(['1 uncommitted-file']);
  });

  it('finds secrets in sources and outputs, and not their names or placeholders', () => {
    const aws = ['AKIA', 'IOSFODNN7EXAMPLE'].join('');
    expect(rules(notebook(cell(`key = "${aws}"`)))).toEqual(['1 secret']);
    expect(rules(notebook(cell('password = "hunter2hunter2"')))).toEqual(['1 secret']);
    expect(rules(notebook(cell('u = "postgres://ada:lovelace@db/x"')))).toEqual(['1 secret']);
    expect(rules(notebook(cell('show()', 1, [printed(`key ${aws}`)])))).toEqual(['1 secret']);
    const fine =
      'token = os.environ["TOKEN"]\npassword = "changeme"\nsecret = ""\ntokenizer = "bert-base-uncased"\nAPI_KEY = "PASTE_YOUR_OWM_API_KEY_HERE"';
    expect(rules(notebook(cell(fine)))).toEqual([]);
  });

  it('finds questions', () => {
    expect(rules(notebook(cell('name = input("? ")'), cell('model.input(3)')))).toEqual(['1 asks']);
  });
});

describe('compareRuns', () => {
  it('tells which cells give other outputs, but for times, addresses and pictures', () => {
    const saved = notebook(
      cell('a', 1, [printed('1\n'), printed('2\n')]),
      cell('b', 2, [{ output_type: 'execute_result', data: { 'text/plain': '<A at 0x7f0011223344>' } }]),
      cell('c', 3, [printed('old')]),
    );
    const fresh = notebook(
      cell('a', 1, [printed('1\n2\n')]),
      cell('b', 2, [{ output_type: 'execute_result', data: { 'text/plain': '<A at 0x7f5566778899>' } }]),
      cell('c', 3, [printed('new')]),
    );
    const findings = compareRuns(saved, fresh, '/somewhere');
    expect(findings).toMatchObject([{ cell: 3, rule: 'hidden-state' }]);
    expect(findings[0]?.message).toContain('"stdout: new" instead of "stdout: old"');
    expect(compareRuns(notebook(cell('a')), fresh, '/')).toEqual([]);
  });

  it('takes no notice of which of two streams the kernel flushed first', () => {
    const warned: Output = { output_type: 'stream', name: 'stderr', text: 'careful\n' };
    const saved = notebook(cell('a', 1, [warned, printed('1\n'), printed('2\n')]));
    const fresh = notebook(cell('a', 1, [printed('1\n'), warned, printed('2\n')]));
    expect(compareRuns(saved, fresh, '/')).toEqual([]);
  });
});
