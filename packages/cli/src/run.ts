import { stripVTControlCharacters } from 'node:util';
import { describeError, isReason } from '@tagboat/base';
import { type CommandDef, defineCommand, renderUsage, runCommand } from 'citty';
import { checkOptions, resolved } from './check-options.ts';
import { commands } from './commands.ts';

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
  const load = Object.hasOwn(subCommands, name) ? subCommands[name] : undefined;
  if (!load) {
    process.stderr.write(`error: there is no command "${name}"; see: tagboat --help\n`);
    return 2;
  }
  const command = await load();
  if (args.includes('--help') || args.includes('-h')) {
    print(await helpOf(command, args));
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
    process.stderr.write(`error: ${stripVTControlCharacters(describeError(error))}\n`);
    if (process.env.TAGBOAT_DEBUG) process.stderr.write(`${(error as Error).stack}\n`);
    return (error as Error).name === 'CLIError' || isReason(error, 'Invalid') ? 2 : 1;
  }
}

/** Of the innermost command that the words name. */
async function helpOf(command: CommandDef, [name = '', ...words]: readonly string[]): Promise<string> {
  const path = ['tagboat'];
  let named = name;
  let found = command;
  for (const word of words) {
    const inner = (await resolved(found.subCommands))?.[word];
    if (!inner) break;
    path.push(named);
    named = word;
    found = (await resolved(inner)) as CommandDef;
  }
  return renderUsage(found, { meta: { name: path.join(' ') } } as CommandDef);
}

async function usage(): Promise<number> {
  print(await renderUsage(main));
  return 0;
}

/** Colours are for terminals. */
function print(text: string): void {
  process.stdout.write(`${process.stdout.isTTY ? text : stripVTControlCharacters(text)}\n`);
}
