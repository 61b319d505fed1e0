import { describeError, isReason } from '@tagboat/base';
import { type CommandDef, defineCommand, renderUsage, runCommand } from 'citty';
import { checkOptions } from './check-options.ts';

const commands = {
  up: () => import('./commands/up.ts'),
  init: () => import('./commands/init.ts'),
  connect: () => import('./commands/connect.ts'),
  try: () => import('./commands/try.ts'),
  console: () => import('./commands/console.ts'),
  status: () => import('./commands/status.ts'),
  run: () => import('./commands/run.ts'),
  rerun: () => import('./commands/rerun.ts'),
  runs: () => import('./commands/runs.ts'),
  logs: () => import('./commands/logs.ts'),
  apps: () => import('./commands/apps.ts'),
  diff: () => import('./commands/diff.ts'),
  promote: () => import('./commands/promote.ts'),
  rollback: () => import('./commands/rollback.ts'),
  retrain: () => import('./commands/retrain.ts'),
  predict: () => import('./commands/predict.ts'),
  pr: () => import('./commands/pr.ts'),
  share: () => import('./commands/share.ts'),
  trace: () => import('./commands/trace.ts'),
  experiments: () => import('./commands/experiments.ts'),
  render: () => import('./commands/render.ts'),
  notebook: () => import('./commands/notebook.ts'),
  workbench: () => import('./commands/workbench.ts'),
  secret: () => import('./commands/secret.ts'),
  kubeconfig: () => import('./commands/kubeconfig.ts'),
  backup: () => import('./commands/backup.ts'),
  restore: () => import('./commands/restore.ts'),
  doctor: () => import('./commands/doctor.ts'),
  'git-credential': () => import('./commands/git-credential.ts'),
} as const;

const subCommands = Object.fromEntries(
  Object.entries(commands).map(([name, load]) => [
    name,
    () => load().then((module) => module.default as CommandDef),
  ]),
);

const main = defineCommand({
  meta: {
    name: 'tagboat',
    version: '0.1.0',
    description: 'Git in, model out: a pushed tag becomes a served model',
  },
  subCommands,
});

/** Runs one command line. @returns the exit code: 0 done, 1 it failed, 2 it was asked wrongly */
export async function run(args: readonly string[]): Promise<number> {
  const [name] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') return usage();
  if (name === '--version') {
    process.stdout.write('0.1.0\n');
    return 0;
  }
  const load = subCommands[name];
  if (!load) {
    process.stderr.write(`error: there is no command "${name}"; see: tagboat --help\n`);
    return 2;
  }
  const command = await load();
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${await renderUsage(command, { meta: { name: `tagboat` } } as CommandDef)}\n`);
    return 0;
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    await checkOptions(command, args.slice(1), name);
    await runCommand(command, { rawArgs: args.slice(1) });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    process.stderr.write(`error: ${describeError(error)}\n`);
    if (process.env.TAGBOAT_DEBUG) process.stderr.write(`${(error as Error).stack}\n`);
    return (error as Error).name === 'CLIError' || isReason(error, 'Invalid') ? 2 : 1;
  }
}

async function usage(): Promise<number> {
  process.stdout.write(`${await renderUsage(main)}\n`);
  return 0;
}
