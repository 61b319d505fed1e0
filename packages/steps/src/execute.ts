import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { formatDuration, TagboatError } from '@tagboat/base';
import { CellFailed, executeNotebook, type NotebookEvent } from '@tagboat/notebooks';
import { LineSplitter, runCommand } from '@tagboat/process';
import type { TrainStep } from '@tagboat/render';
import type { StepContext } from './context.ts';

export interface Execution {
  readonly step: TrainStep;
  /** The model's directory among the declared files. */
  readonly workdir: string;
  /** Of the environment. */
  readonly python: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Where the executed notebook goes. */
  readonly notebooks: string;
  /** Tracked files that the step does not see, for the error about a missing one. */
  readonly undeclared: ReadonlySet<string>;
}

const passedOn =
  /^(LANG|LC_\w+|TZ|(https?|no|all)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)$/i;

/** The environment of a user's own program: nothing of the platform's. */
export function plainEnvironment(context: StepContext, home: string): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(context.environment))
    if (value !== undefined && (passedOn.test(name) || name.startsWith('TAGBOAT_USER_')))
      environment[name] = value;
  return { ...environment, PATH: context.environment.PATH ?? '/usr/local/bin:/usr/bin:/bin', HOME: home };
}

/** The environment of a user's own Python code. */
export function userEnvironment(
  context: StepContext,
  workdir: string,
  python: string,
): Record<string, string> {
  const environment = plainEnvironment(context, join(workdir, '..', '.home'));
  const bin = dirname(python);
  return {
    ...environment,
    PATH: `${bin}:${environment.PATH}`,
    VIRTUAL_ENV: dirname(bin),
    MPLBACKEND: 'agg',
    MPLCONFIGDIR: join(workdir, '..', '.home', 'matplotlib'),
    PYTHONUNBUFFERED: '1',
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONHASHSEED: '0',
    OPENBLAS_NUM_THREADS: context.environment.OPENBLAS_NUM_THREADS ?? '1',
    OMP_NUM_THREADS: context.environment.OMP_NUM_THREADS ?? '1',
  };
}

/** Runs a notebook, script or command. @throws what says, in a data scientist's words, what failed and where */
export async function execute(context: StepContext, execution: Execution): Promise<void> {
  const { step, workdir, python } = execution;
  const env = { ...userEnvironment(context, workdir, python), ...execution.variables };
  await mkdir(env.HOME!, { recursive: true });
  if (step.notebook !== undefined) return runNotebook(context, execution, env);
  const [command, args] =
    step.script !== undefined
      ? step.script.endsWith('.py')
        ? [python, [step.script, ...flags(step.parameters)]]
        : ['/bin/sh', [step.script, ...flags(step.parameters)]]
      : [step.command![0]!, step.command!.slice(1)];
  const name = step.script ?? step.command!.join(' ');
  context.say(`runs ${name}`);
  const { code, output } = await runSaying(context, resolveCommand(command, python), args, {
    cwd: workdir,
    env,
  });
  if (code !== 0) throw scriptFailed(execution, name, { code, output });
}

/** Lines of output that are kept for the error. */
const keptLines = 200;

/** Runs a command, passing each line of its output on as it comes. @returns its exit code and its last output */
export async function runSaying(
  context: StepContext,
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<{ code: number; output: string }> {
  const tail: string[] = [];
  const keep = (line: string) => {
    tail.push(line);
    if (tail.length > keptLines) tail.shift();
    context.say(line);
  };
  const streams = { stdout: new LineSplitter(keep), stderr: new LineSplitter(keep) };
  const { code } = await runCommand(command, args, {
    ...options,
    ...(context.signal ? { signal: context.signal } : {}),
    maxOutput: 1,
    onOutput: (stream, data) => streams[stream].push(data),
  });
  streams.stdout.end();
  streams.stderr.end();
  return { code, output: tail.join('\n') };
}

function resolveCommand(command: string, python: string): string {
  if (command.includes('/')) return command;
  const own = join(dirname(python), command === 'python3' ? 'python' : command);
  return existsSync(own) ? own : command;
}

function flags(parameters: TrainStep['parameters']): string[] {
  return Object.entries(parameters).flatMap(([name, value]) => [
    `--${name.replaceAll('_', '-')}`,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
}

async function runNotebook(
  context: StepContext,
  execution: Execution,
  env: Record<string, string>,
): Promise<void> {
  const { step, workdir, python, notebooks } = execution;
  const name = step.notebook!;
  const outputPath = join(notebooks, basename(name));
  await mkdir(notebooks, { recursive: true });
  // Notebooks show their pictures: the kernel chooses the backend that does.
  const { MPLBACKEND: _backend, ...variables } = env;
  try {
    const { cells, seconds } = await executeNotebook({
      path: join(workdir, name),
      outputPath,
      name,
      parameters: step.parameters,
      cwd: workdir,
      python,
      env: { ...variables, JPY_PARENT_PID: String(process.pid) },
      ...(context.signal ? { signal: context.signal } : {}),
      onEvent: (event) => report(context, name, event),
    });
    context.say(`${name}: ${cells} cells in ${formatDuration(seconds * 1000)}`);
  } catch (error) {
    if (error instanceof CellFailed) {
      context.say(error.traceback);
      throw withHint(error, execution, `${error.exceptionName}: ${error.exceptionValue}`);
    }
    throw error;
  }
}

function report(context: StepContext, name: string, event: NotebookEvent): void {
  if (event.type === 'warning') context.say(`${name}: ${event.message}`);
  else if (event.type === 'output')
    for (const line of event.text.replace(/\n$/, '').split('\n')) context.say(`  ${line}`);
  else if (event.type === 'progress') {
    const last = event.lastLine ? `: ${event.lastLine}` : '';
    context.say(
      `[cell ${event.index}/${event.total}] runs for ${formatDuration(event.seconds * 1000)}${last}`,
    );
  } else if (event.state === 'running') context.say(`[cell ${event.index}/${event.total}] ${event.line}`);
  else if (event.state === 'done' && event.seconds >= 1)
    context.say(`[cell ${event.index}/${event.total}] done in ${formatDuration(event.seconds * 1000)}`);
}

function scriptFailed(
  execution: Execution,
  name: string,
  { code, output }: { code: number; output: string },
): TagboatError {
  const last = output.trim().split('\n').at(-1) ?? '';
  const frames = [...output.matchAll(/File "([^"]+)", line (\d+)/g)].map((match) => ({
    file: relative(execution.workdir, resolve(execution.workdir, match[1]!)),
    line: Number(match[2]),
  }));
  const own = frames.filter(({ file }) => !file.startsWith('..')).at(-1);
  const why = code === 137 ? 'it was killed (out of memory?)' : last || `exit code ${code}`;
  const error = new TagboatError(`${name} failed with exit code ${code}: ${why}`, {
    reason: 'ScriptFailed',
    retryable: false,
    ...(own ? { location: own } : {}),
  });
  return withHint(error, execution, output.slice(-4000));
}

/** A missing file that the repository has, but the step did not declare, is what people stumble over first. */
function withHint(error: TagboatError, execution: Execution, text: string): TagboatError {
  const missing = /No such file or directory: '([^']+)'/.exec(text)?.[1];
  const module = /ModuleNotFoundError: No module named '([^']+)'/.exec(text)?.[1];
  let hint: string | undefined;
  if (missing !== undefined) {
    const path = relative(execution.workdir, resolve(execution.workdir, missing));
    const candidates = [
      path,
      missing,
      relative(
        execution.workdir,
        resolve(
          dirname(join(execution.workdir, execution.step.notebook ?? execution.step.script ?? '.')),
          missing,
        ),
      ),
    ];
    const hidden = candidates.find((candidate) =>
      execution.undeclared.has(candidate.replace(/^(\.\.\/)+/, '')),
    );
    hint = hidden
      ? `${hidden} is in the repository, but it is not a declared input of this step: add it to train.inputs or data in tagboat.yaml`
      : `steps see only their declared inputs: is ${path} committed, and declared in train.inputs or data?`;
  } else if (module !== undefined) hint = `is the package that holds "${module}" among the requirements?`;
  return hint
    ? new TagboatError(error.message, {
        reason: error.reason,
        retryable: false,
        hint,
        ...(error.location ? { location: error.location } : {}),
      })
    : error;
}
