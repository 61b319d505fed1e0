import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';
import { TagboatError } from '@tagboat/base';
import { comparable, executeNotebook, parseNotebook } from '@tagboat/notebooks';

export interface Verdict {
  readonly name: string;
  readonly kind: 'passed' | 'failed' | 'not applicable';
  readonly why: string;
}

const cellTimeout = 120;

/** Executes the notebooks of a folder by us and by nbclient, each in a copy of the folder of its own. */
export class Comparison implements AsyncDisposable {
  readonly #python: string;
  readonly #scratch: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;
  #complaints = '';

  private constructor(python: string, scratch: string) {
    this.#python = python;
    this.#scratch = scratch;
    this.#environment = {
      ...process.env,
      PATH: `${dirname(python)}:${process.env.PATH}`,
      JUPYTER_PATH: join(scratch, 'share'),
      MPLBACKEND: undefined,
      PYTHONHASHSEED: '0',
    };
    this.#child = spawn(python, [join(import.meta.dirname, 'with_nbclient.py')], {
      env: this.#environment,
      stdio: 'pipe',
    });
    this.#child.stderr!.on('data', (data: Buffer) => {
      this.#complaints = (this.#complaints + data.toString('utf8')).slice(-2000);
    });
    this.#lines = createInterface({ input: this.#child.stdout! });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** @param python of an environment that has nbclient, ipykernel and bash_kernel */
  static async open(python: string): Promise<Comparison> {
    const scratch = await mkdtemp(join(tmpdir(), 'tagboat-conformance-'));
    const bash = join(scratch, 'share/kernels/bash');
    await mkdir(bash, { recursive: true });
    const argv = [python, '-m', 'bash_kernel', '-f', '{connection_file}'];
    await writeFile(
      join(bash, 'kernel.json'),
      JSON.stringify({ argv, display_name: 'Bash', language: 'bash' }),
    );
    return new Comparison(python, scratch);
  }

  /** Every notebook below a folder, in order. */
  async *folder(directory: string): AsyncGenerator<Verdict> {
    for (const side of ['ours', 'nbclient', 'again']) {
      await rm(join(this.#scratch, side), { recursive: true, force: true });
      await cp(directory, join(this.#scratch, side), { recursive: true });
    }
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    const names = entries
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ipynb'))
      .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
      .filter((name) => !name.includes('.ipynb_checkpoints'));
    for (const name of names.sort()) yield this.#one(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin!.end();
    this.#lines.close();
    await rm(this.#scratch, { recursive: true, force: true });
  }

  async #one(name: string): Promise<Verdict> {
    const text = await readFile(join(this.#scratch, 'ours', name), 'utf8');
    try {
      parseNotebook(text, name);
    } catch (error) {
      return { name, kind: 'not applicable', why: (error as Error).message };
    }
    const [ours, theirs] = await Promise.all([this.#ours(name), this.#nbclient('nbclient', name)]);
    if (ours === 'NoKernel' && theirs === 'NoKernel')
      return { name, kind: 'not applicable', why: 'its kernel is not installed' };
    if (ours !== theirs)
      return { name, kind: 'failed', why: `we ended with ${ours}, nbclient with ${theirs}` };
    const { error } = await this.#ask<{ error: string | null }>({
      do: 'validate',
      path: this.#output('ours', name),
    });
    if (error !== null) return { name, kind: 'failed', why: `not valid nbformat 4.5: ${error}` };
    // nbclient keeps no widgets of a notebook that failed.
    const parts = ours === 'done' ? (['language', 'widgets'] as const) : (['language'] as const);
    const difference = await this.#difference('ours', name, parts);
    if (!difference) return { name, kind: 'passed', why: ours };
    const { place, why } = difference;
    await this.#nbclient('again', name);
    const again = await this.#difference('again', name, parts);
    return again?.place === place
      ? { name, kind: 'not applicable', why: `nbclient itself gives another ${place} each time` }
      : { name, kind: 'failed', why: `${place} ${why}` };
  }

  #output(side: string, name: string): string {
    return join(this.#scratch, side, `${name.replace(/\.ipynb$/, '')}.executed.ipynb`);
  }

  async #ours(name: string): Promise<string> {
    const path = join(this.#scratch, 'ours', name);
    try {
      await executeNotebook({
        path,
        outputPath: this.#output('ours', name),
        cwd: dirname(path),
        python: this.#python,
        env: this.#environment,
        cellTimeout: cellTimeout * 1000,
      });
      return 'done';
    } catch (error) {
      if (error instanceof TagboatError) return error.reason;
      throw error;
    }
  }

  async #nbclient(side: 'nbclient' | 'again', name: string): Promise<string> {
    const path = join(this.#scratch, side, name);
    const request = {
      do: 'execute',
      path,
      output: this.#output(side, name),
      cwd: dirname(path),
      timeout: cellTimeout,
    };
    return (await this.#ask<{ outcome: string }>(request)).outcome;
  }

  async #ask<T>(request: object): Promise<T> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#answers.next();
    if (done)
      throw new TagboatError(`nbclient ended: ${this.#complaints.trim() || 'it said nothing'}`, {
        reason: 'Unavailable',
      });
    return JSON.parse(value as string) as T;
  }

  /** The first place where a side gives another output than nbclient. */
  async #difference(
    side: 'ours' | 'again',
    name: string,
    parts: readonly ('language' | 'widgets')[],
  ): Promise<{ place: string; why: string } | undefined> {
    const read = async (from: string) => {
      const notebook = parseNotebook(await readFile(this.#output(from, name), 'utf8'), name);
      return comparable(notebook, join(this.#scratch, from));
    };
    const [one, other] = [await read(side), await read('nbclient')];
    for (const [index, cell] of one.cells.entries())
      if (!isDeepStrictEqual(cell, other.cells[index]))
        return {
          place: `cell ${index + 1} (of all)`,
          why: `differs: ${firstDifference(cell, other.cells[index])}`,
        };
    for (const part of parts)
      if (!isDeepStrictEqual(one[part], other[part]))
        return { place: part, why: `differs: ${firstDifference(one[part], other[part])}` };
    return undefined;
  }
}

function firstDifference(ours: unknown, theirs: unknown): string {
  const [a, b] = [JSON.stringify(ours) ?? 'nothing', JSON.stringify(theirs) ?? 'nothing'];
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const from = Math.max(0, at - 40);
  return `ours ...${a.slice(from, at + 80)}, nbclient ...${b.slice(from, at + 80)}`;
}
