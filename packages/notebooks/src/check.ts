import { comparable } from './comparable.ts';
import { type Cell, type Notebook, type Output, runs, sourceOf } from './notebook-file.ts';
import { languageOf } from './parameters.ts';
import { secretIn } from './secrets.ts';

/** One thing that will break, or leak, in a run. */
export interface Finding {
  readonly rule:
    | 'order'
    | 'absolute-path'
    | 'missing-requirement'
    | 'install-in-cell'
    | 'uncommitted-file'
    | 'secret'
    | 'hidden-state'
    | 'asks';
  /** The number of the code cell, from 1, as a fresh run counts. */
  readonly cell: number;
  readonly message: string;
  readonly fix: string;
}

/** What is known about the place that a notebook stands in. */
export interface NotebookFacts {
  /** Modules that neither the environment nor the repository has. */
  readonly missingModules: ReadonlySet<string>;
  /** Why a file that a text names is not what a run would see; undefined where it is, or is none. */
  readonly fileProblem: (text: string) => { readonly message: string; readonly fix: string } | undefined;
}

const absolute =
  /^(\/(home|Users|root|mnt|media|data|tmp|var|opt|srv|content|kaggle|scratch|workspace|dbfs|gpfs|nfs)\/.|~\/.|[A-Za-z]:[\\/]+.)/;

/** Every finding that the notebook and its place show without running it. */
export function checkNotebook(notebook: Notebook, facts: NotebookFacts): Finding[] {
  const cells = codeCells(notebook);
  const python = languageOf(notebook) === 'python';
  const each = cells.flatMap((cell, index) => {
    const number = index + 1;
    return [
      ...pathsIn(cell, number, facts),
      ...(python ? modulesIn(cell, number, facts) : []),
      ...secretsIn(cell, number),
      ...questionsIn(cell, number),
    ];
  });
  return [...orderOf(cells), ...each].sort((a, b) => a.cell - b.cell);
}

/** The cells that a run executes. */
const codeCells = (notebook: Notebook) => notebook.cells.filter(runs);

function orderOf(cells: readonly Cell[]): Finding[] {
  let highest = 0;
  let where = 0;
  const findings: Finding[] = [];
  for (const [index, { execution_count: count }] of cells.entries()) {
    if (typeof count !== 'number') continue;
    if (count < highest)
      findings.push({
        rule: 'order',
        cell: index + 1,
        message: `it ran before cell ${where}, which stands above it (counts ${count} and ${highest})`,
        fix: 'restart the kernel and run all cells, top to bottom; then save',
      });
    else [highest, where] = [count, index + 1];
  }
  return findings;
}

function pathsIn(cell: Cell, number: number, facts: NotebookFacts): Finding[] {
  const texts = new Set(stringsOf(sourceOf(cell)));
  return [...texts].flatMap((text): Finding[] => {
    if (absolute.test(text))
      return [
        {
          rule: 'absolute-path',
          cell: number,
          message: `"${text}" exists on this machine only`,
          fix: 'use a path relative to the repository, or declare it as data in tagboat.yaml and read its TAGBOAT_DATA_<NAME> variable',
        },
      ];
    const problem = facts.fileProblem(text);
    return problem ? [{ rule: 'uncommitted-file', cell: number, ...problem }] : [];
  });
}

function modulesIn(cell: Cell, number: number, facts: NotebookFacts): Finding[] {
  const source = sourceOf(cell);
  const missing = importedModules(source)
    .filter((name) => facts.missingModules.has(name))
    .map(
      (name): Finding => ({
        rule: 'missing-requirement',
        cell: number,
        message: `it imports ${name}, which the project's environment does not have`,
        fix: `add the package that holds ${name} to the requirements`,
      }),
    );
  const installs = installedBy(source);
  if (!installs) return missing;
  return [
    ...missing,
    {
      rule: 'install-in-cell',
      cell: number,
      message: `it installs ${installs} while it runs`,
      fix: 'add it to the requirements and remove the line: runs have an environment that is pinned and shared',
    },
  ];
}

/** What a cell installs by a command, undefined where it does not. */
export function installedBy(source: string): string | undefined {
  const words = /^\s*[!%]\s*(?:pip|conda|uv pip|mamba)3?\s+install\s+(.*)$/m.exec(source)?.[1];
  return words === undefined ? undefined : withoutOptions(words);
}

/** The packages of a command line. */
const withoutOptions = (words: string) =>
  words
    .split(/\s+/)
    .filter((word) => word !== '' && !word.startsWith('-'))
    .join(' ') || 'packages';

function secretsIn(cell: Cell, number: number): Finding[] {
  const found: Finding[] = [];
  const inSource = secretIn(sourceOf(cell));
  if (inSource)
    found.push({
      rule: 'secret',
      cell: number,
      message: `its source holds ${inSource}`,
      fix: 'read it from a variable (tagboat secret set), replace the secret itself, and take it out of the history',
    });
  const inOutput = (cell.outputs ?? []).map((output) => secretIn(textOf(output))).find(Boolean);
  if (inOutput)
    found.push({
      rule: 'secret',
      cell: number,
      message: `its output shows ${inOutput}`,
      fix: 'clear the output, replace the secret itself, and print no secrets',
    });
  return found;
}

function questionsIn(cell: Cell, number: number): Finding[] {
  if (!/(^|[^\w.])(input|getpass\.getpass|getpass)\s*\(/m.test(sourceOf(cell))) return [];
  return [
    {
      rule: 'asks',
      cell: number,
      message: 'it asks a question, and nobody is there to answer in a run',
      fix: 'make it a parameter: a cell tagged "parameters", set from tagboat.yaml or -p',
    },
  ];
}

/** The outputs of a fresh run against those that are saved. A notebook without saved outputs has nothing to differ. */
export function compareRuns(saved: Notebook, fresh: Notebook, directory: string): Finding[] {
  const [before, after] = [savedCells(saved, directory), savedCells(fresh, directory)];
  if (before.every(({ outputs }) => outputs.length === 0)) return [];
  return before.flatMap(({ outputs, count }, index): Finding[] => {
    const now = after[index]?.outputs ?? [];
    if (count === null || JSON.stringify(outputs) === JSON.stringify(now)) return [];
    return [
      {
        rule: 'hidden-state',
        cell: index + 1,
        message: `a fresh run gives another output: ${difference(outputs, now)}`,
        fix: 'restart the kernel and run all cells; where it still differs, seed what is random and keep state out of the kernel',
      },
    ];
  });
}

function savedCells(notebook: Notebook, directory: string) {
  const cells = comparable({ ...notebook, cells: codeCells(notebook) }, directory).cells;
  return cells.map(({ outputs = [], count = null }) => ({ count, outputs: outputs.map(essence) }));
}

/** What of an output must be the same: its texts, and of pictures that they are there. */
function essence(output: Output): string {
  if (output.output_type === 'stream') return `${output.name}: ${output.text}`;
  if (output.output_type === 'error') return `${output.ename}: ${output.evalue}`;
  const types = Object.keys(output.data ?? {}).sort();
  return `${types.join(', ')}: ${String(output.data?.['text/plain'] ?? '')}`;
}

function difference(before: readonly string[], after: readonly string[]): string {
  const at = before.findIndex((text, index) => text !== after[index]);
  const short = (text: string | undefined) =>
    text === undefined ? 'nothing' : JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
  return at < 0
    ? `${short(after[before.length])} besides`
    : `${short(after[at])} instead of ${short(before[at])}`;
}

function textOf(output: Output): string {
  const parts = [output.text, output.evalue, output.traceback, ...Object.values(output.data ?? {})];
  return parts
    .flat()
    .filter((part): part is string => typeof part === 'string')
    .join('\n');
}

/** The texts of a source's string literals, in any language that quotes them. */
export function stringsOf(source: string): string[] {
  return source
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .flatMap((line) => [...line.matchAll(/(["'])((?:\\.|(?!\1)[^\\])*)\1/g)].map((match) => match[2]!))
    .filter((text) => text !== '');
}

/** The top-level modules that Python code imports. */
export function importedModules(source: string): string[] {
  const names = [
    ...source.matchAll(/^\s*(?:from\s+([A-Za-z_]\w*)[\w.]*\s+import\b.*|import\s+(.+))$/gm),
  ].flatMap((match) =>
    match[1]
      ? [match[1]]
      : match[2]!
          .split('#')[0]!
          .split(',')
          .flatMap((part) => /^\s*([A-Za-z_]\w*)/.exec(part)?.[1] ?? []),
  );
  return [...new Set(names)];
}
