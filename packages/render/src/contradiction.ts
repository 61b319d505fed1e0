import { Cron } from 'croner';
import { monitorProblem } from './monitor.ts';

type Raw = Record<string, unknown>;

interface Contradiction {
  readonly message: string;
  readonly path: readonly (string | number)[];
}

/** A server for each; more is a slip of the pen, and would take the machine down. */
const mostReplicas = 100;

/** What contradicts itself in a model's `spec`, or means nothing, and where; undefined where all is well. */
export function contradiction(raw: Raw): Contradiction | undefined {
  if (!raw.train && !raw.artifact)
    return { message: 'expected one of "train" and "artifact", found neither', path: [] };
  for (const part of ['train', 'evaluate'] as const) {
    const value = raw[part] as Raw | undefined;
    const ways = ['notebook', 'script', 'command', 'steps'].filter((way) => value?.[way] !== undefined);
    if (value && ways.length !== 1)
      return {
        message: `${part}: expected exactly one of notebook, script, command${part === 'train' ? ', steps' : ''}, found ${ways.join(' and ') || 'none'}`,
        path: [part],
      };
  }
  if (raw.train && !raw.artifact)
    return { message: 'expected "artifact.path": where training leaves the model', path: ['train'] };
  for (const [index, source] of ((raw.data ?? []) as Raw[]).entries()) {
    const ways = ['path', 'url', 'command'].filter((way) => source[way] !== undefined);
    if (!ways.includes('path'))
      return {
        message: `data[${index}]: expected a path, where the data is placed in the working directory`,
        path: ['data'],
      };
    if (ways.length > 2)
      return { message: `data[${index}]: expected one of url and command, found both`, path: ['data'] };
  }
  const serve = raw.serve as Raw | undefined;
  if (serve?.predictor && serve.format)
    return { message: 'serve: expected one of predictor and format, found both', path: ['serve'] };
  return (
    replicasProblem(serve?.replicas) ??
    gatesProblem(raw) ??
    environmentsProblem(raw) ??
    scheduleProblem(raw) ??
    monitorProblem(raw)
  );
}

function replicasProblem(replicas: unknown): Contradiction | undefined {
  if (
    replicas === undefined ||
    (Number.isInteger(replicas) && Number(replicas) >= 0 && Number(replicas) <= mostReplicas)
  )
    return undefined;
  return {
    message: `serve.replicas: expected a whole number from 0 to ${mostReplicas}, found ${replicas}`,
    path: ['serve', 'replicas'],
  };
}

function gatesProblem(raw: Raw): Contradiction | undefined {
  const gates = ((raw.evaluate as Raw | undefined)?.gates ?? []) as Raw[];
  const index = gates.findIndex(
    ({ min, max, notWorseThanDeployedBy }) => (min ?? max ?? notWorseThanDeployedBy) === undefined,
  );
  return index < 0
    ? undefined
    : {
        message: `evaluate.gates[${index}]: expected min, max or notWorseThanDeployedBy, found none: it would let everything pass`,
        path: ['evaluate', 'gates', index],
      };
}

function environmentsProblem(raw: Raw): Contradiction | undefined {
  const targets = (raw.deploy ?? []) as Raw[];
  const names = targets.map(({ environment }) => environment);
  const repositories = targets.map(({ repo }) => repo);
  const other = repositories.findIndex((repo) => repo !== undefined && repo !== repositories.find(Boolean));
  if (other >= 0)
    return {
      message: `deploy[${other}].repo: expected one repository for all environments, so that a promotion is a commit in it; found "${repositories[other]}" beside "${repositories.find(Boolean)}"`,
      path: ['deploy', other, 'repo'],
    };
  const index = names.findIndex((name, place) => names.indexOf(name) < place);
  return index < 0
    ? undefined
    : {
        message: `deploy[${index}]: expected every environment once, found "${names[index]}" again`,
        path: ['deploy', index],
      };
}

function scheduleProblem(raw: Raw): Contradiction | undefined {
  const schedule = (raw.retrain as Raw | undefined)?.schedule as string | undefined;
  if (schedule === undefined) return undefined;
  const problem = (why: string): Contradiction => ({
    message: `retrain.schedule: expected five fields of cron such as "0 3 * * 1", found "${schedule}"${why}`,
    path: ['retrain', 'schedule'],
  });
  try {
    // A schedule that never comes is none.
    const cron = new Cron(schedule, { timezone: 'UTC', paused: true, mode: '5-part' });
    return cron.nextRun() ? undefined : problem(', which never comes');
  } catch {
    return problem('');
  }
}
