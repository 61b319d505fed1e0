import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { executeNotebook, type NotebookEvent, parseNotebook } from './index.ts';
import { testEnvironment } from './testing-environment.ts';

const environment = await testEnvironment();
const missing = 'reason' in environment ? environment.reason : undefined;
const python = 'python' in environment ? environment.python : '';

const code = (source: string, tags?: string[]) => ({
  cell_type: 'code' as const,
  source,
  metadata: tags ? { tags } : {},
  outputs: [] as unknown[],
  execution_count: null,
});
const notebook = (...cells: ReturnType<typeof code>[]) => ({
  cells,
  metadata: { kernelspec: { name: 'python3', language: 'python' } as object },
  nbformat: 4,
  nbformat_minor: 4,
});

describe.skipIf(missing)(`executeNotebook with a real kernel${missing ? ` (${missing})` : ''}`, () => {
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
    const error = await executeNotebook({
      path,
      outputPath,
      parameters,
      cwd: directory,
      python,
      env: process.env,
      onEvent: (event) => events.push(event),
      ...more,
    }).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    const text = await readFile(outputPath, 'utf8').catch(() => undefined);
    return { events, error, output: text === undefined ? undefined : parseNotebook(text, 'out') };
  }

  const textOf = (value: unknown) => (Array.isArray(value) ? value.join('') : value);

  it('runs cells, merges streams, updates displays and keeps results', async () => {
    const { output, error, events } = await run(
      notebook(
        code('n = 1', ['parameters']),
        code(
          'print(n); print("b")\nfrom IPython.display import display\nh = display("old", display_id=True)',
        ),
        code('h.update("new"); n + 1'),
        code('1/0', ['raises-exception']),
        code('1/0', ['skip-execution']),
      ),
      { n: 41 },
    );
    expect(error).toBeUndefined();
    expect(textOf(output!.cells[2]?.outputs?.[0]?.text)).toBe('41\nb\n');
    expect(textOf(output!.cells[2]?.outputs?.[1]?.data?.['text/plain'])).toBe("'new'");
    expect(textOf(output!.cells[3]?.outputs?.[0]?.data?.['text/plain'])).toBe('42');
    expect(output!.cells[5]?.outputs).toEqual([]);
    expect(output!.metadata.papermill).toMatchObject({ parameters: { n: 41 }, exception: false });
    expect(output!.metadata.language_info?.name).toBe('python');
    expect(events.filter((event) => event.type === 'cell' && event.state === 'done')).toHaveLength(5);
  });

  it('names notebook, cell, exception and line; what was to come is pending', async () => {
    const { error, output } = await run(
      notebook(code('x = 1'), code('def f():\n    raise ValueError("no good")\nf()'), code('x')),
    );
    expect(error).toMatchObject({ reason: 'CellFailed', exceptionName: 'ValueError' });
    expect((error as Error).message).toMatch(/n\.ipynb, cell 2: ValueError: no good/);
    expect(output!.cells[1]?.outputs?.at(-1)?.output_type).toBe('error');
    const states = output!.cells.map(({ metadata }) => (metadata.papermill as { status: string }).status);
    expect(states).toEqual(['completed', 'failed', 'pending']);
  });

  it('says when the kernel dies, never starts, or a cell takes too long or is cancelled', async () => {
    expect((await run(notebook(code('import os; os._exit(3)')))).error).toMatchObject({
      reason: 'KernelDied',
    });
    const slow = notebook(code('import time; time.sleep(60)'));
    const late = await run(slow, {}, { cellTimeout: 300 });
    expect(late.error).toMatchObject({ reason: 'Timeout' });
    expect(late.output!.cells[0]?.outputs?.at(-1)?.ename).toBe('KeyboardInterrupt');
    const stop = new AbortController();
    const cancelled = run(
      slow,
      {},
      {
        signal: stop.signal,
        onEvent: (event: NotebookEvent) => event.type === 'cell' && stop.abort(),
      },
    );
    expect((await cancelled).error).toMatchObject({ reason: 'Cancelled' });
    const never = join(directory, 'never');
    await writeFile(never, '#!/bin/sh\nsleep 60\n', { mode: 0o755 });
    expect((await run(slow, {}, { python: never, startTimeout: 300 })).error).toMatchObject({
      reason: 'KernelStartTimeout',
    });
    const broken = await run(slow, {}, { python: '/bin/false' });
    expect(broken.error).toMatchObject({ reason: 'KernelDied' });
  });

  it('says that a kernel was killed by its memory limit, and what that is', async () => {
    let kills = 4;
    const memory = async () => ({ limit: 2 ** 29, kills: kills++ });
    const died = notebook(code('x = 1'), code('import os, signal; os.kill(os.getpid(), signal.SIGKILL)'));
    expect((await run(died, {}, { memory })).error).toMatchObject({
      reason: 'OutOfMemory',
      message: 'n.ipynb: killed: used more than its limit of 512Mi in cell 2',
    });
    const same = async () => ({ limit: 2 ** 29, kills });
    expect((await run(died, {}, { memory: same })).error).toMatchObject({ reason: 'KernelDied' });
  });

  it('lets what belongs to nothing any more end well', async () => {
    const circle = `class Circle:
    def __init__(self):
        self.itself = self
    def __del__(self, open=open):
        with open("ended", "w") as file:
            file.write("well")
circle = Circle()`;
    expect((await run(notebook(code(circle)))).error).toBeUndefined();
    expect(readFileSync(join(directory, 'ended'), 'utf8')).toBe('well');
  });

  it('answers no question, ends well at sys.exit(), and runs what a kernel registered for its end', async () => {
    const asked = await run(notebook(code('input("name? ")')));
    expect(asked.error).toMatchObject({ exceptionName: 'StdinNotImplementedError' });
    let saved = '';
    const onRan = () => {
      saved = readFileSync(join(directory, 'out.ipynb'), 'utf8');
      writeFileSync(join(directory, 'ran'), '');
    };
    const atExit = `import atexit, pathlib, time
def end():
    while not pathlib.Path("ran").exists():
        time.sleep(0.01)
    pathlib.Path("ended").write_text("yes")
atexit.register(end)`;
    const ended = await run(
      notebook(code(atExit), code('import sys; sys.exit()'), code('1/0')),
      {},
      { onRan },
    );
    expect(ended.error).toBeUndefined();
    expect(saved).toBe(await readFile(join(directory, 'out.ipynb'), 'utf8'));
    expect(ended.output!.cells[2]?.execution_count).toBeNull();
    expect(existsSync(join(directory, 'ended'))).toBe(true);
  });

  it('bounds what a cell prints and shows, and keeps the rest in files', async () => {
    const { output, error } = await run(
      notebook(
        code('for _ in range(400): print("x" * 999)'),
        code('from IPython.display import display\ndisplay({"text/html": "y" * 300000}, raw=True)'),
      ),
      {},
      { limits: { inNotebook: 100_000, inFiles: 200_000 } },
    );
    expect(error).toBeUndefined();
    expect((await stat(join(directory, 'out.ipynb'))).size).toBeLessThan(150_000);
    expect(textOf(output!.cells[0]?.outputs?.[0]?.text)).toContain('the rest is in out.cell-1.stdout.txt');
    expect((await stat(join(directory, 'out.cell-1.stdout.txt'))).size).toBe(200_000);
    expect(output!.cells[1]?.outputs?.[0]?.data?.['text/plain']).toBeDefined();
    expect((await readdir(directory)).filter((name) => name.endsWith('.html'))).toHaveLength(1);
  });

  it('keeps the state of widgets, and what output widgets caught', async () => {
    const { output, error } = await run(
      notebook(
        code('import ipywidgets as w\nout = w.Output()\nw.VBox([w.IntSlider(3), out])'),
        code('with out:\n    print("caught")\nprint("not caught")'),
      ),
    );
    expect(error).toBeUndefined();
    expect(textOf(output!.cells[1]?.outputs?.[0]?.text)).toBe('not caught\n');
    const widgets = output!.metadata.widgets as Record<string, { state: Record<string, { state: object }> }>;
    const states = Object.values(widgets['application/vnd.jupyter.widget-state+json']!.state);
    expect(states.map(({ state }) => state)).toContainEqual(expect.objectContaining({ value: 3 }));
    expect(JSON.stringify(states)).toContain('"text":"caught\\\\n"'.replaceAll('\\\\', '\\'));
  });

  it('runs other languages by their kernelspec, and says where it looked for one that is missing', async () => {
    const specs = join(directory, 'share/kernels/bash');
    await mkdir(specs, { recursive: true });
    const argv = [python, '-m', 'bash_kernel', '-f', '{connection_file}'];
    await writeFile(
      join(specs, 'kernel.json'),
      JSON.stringify({ argv, display_name: 'Bash', language: 'bash' }),
    );
    const bash = notebook(code('n=1', ['parameters']), code('echo "n is $n"'));
    bash.metadata.kernelspec = { name: 'bash', language: 'bash' };
    const env = { ...process.env, JUPYTER_PATH: join(directory, 'share') };
    const { output, error } = await run(bash, { n: 7 }, { env });
    expect(error).toBeUndefined();
    expect(textOf(output!.cells[2]?.outputs?.[0]?.text)).toBe('n is 7\n');
    bash.metadata.kernelspec = { name: 'nowhere', language: 'cobol' };
    expect((await run(bash, {}, { env })).error).toMatchObject({ reason: 'NoKernel' });
  });
});
