import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LineSplitter, runCommand } from '@tagboat/process';
import type { TrainStep } from '@tagboat/render';
import type { StepContext } from './context.ts';
import { scriptFailed } from './execution-error.ts';

export interface Execution {
  readonly step: TrainStep;
  /** The model's directory among the declared files. */
  readonly workdir: string;
  /** Of the environment. */
  readonly python: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Where the executed notebook goes. */
  readonly notebooks: string;
  /** Called when the user's code has been started. */
  readonly onStart?: () => void;
  /** Called when a notebook's cells have run, while its kernel ends. */
  readonly onRan?: () => void;
  /** Tracked files that the step does not see, for the error about a missing one. */
  readonly undeclared: ReadonlySet<string>;
}

const passedOn =
  /^(LANG|LC_\w+|TZ|(https?|no|all)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)$/i;

/** Variables for the user's code are given to the step behind this, so that they cannot be taken for its own. */
const userPrefix = 'TAGBOAT_USER_';

/** The environment of a user's own program: nothing of the platform's, and what a repository asks for by name. */
export function plainEnvironment(context: StepContext, home: string): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(context.environment)) {
    if (value === undefined) continue;
    if (passedOn.test(name)) environment[name] = value;
    if (name.startsWith(userPrefix)) environment[name.slice(userPrefix.length)] = value;
  }
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
    // An environment has no pip unless it asks for one: that of the host would change the host's Python.
    PIP_REQUIRE_VIRTUALENV: '1',
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
  if (step.notebook !== undefined) {
    const { runNotebook } = await import('./execute-notebook.ts');
    return runNotebook(context, execution, env);
  }
  const [command, args] =
    step.script !== undefined
      ? step.script.endsWith('.py')
        ? [python, [step.script, ...flags(step.parameters)]]
        : ['/bin/sh', [step.script, ...flags(step.parameters)]]
      : [step.command![0]!, step.command!.slice(1)];
  const name = step.script ?? step.command!.join(' ');
  context.say(`runs ${name}`);
  const running = runSaying(context, resolveCommand(command, python), args, { cwd: workdir, env });
  execution.onStart?.();
  const { code, output } = await running;
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
