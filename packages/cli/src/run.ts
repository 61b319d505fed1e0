import { describeError } from '@tagboat/base';
import { type CommandDef, defineCommand, renderUsage, runCommand } from 'citty';

const load = (path: string) => () =>
  import(`./commands/${path}.ts`).then((module: { default: CommandDef }) => module.default);

export const commands = ['up'] as const;

const main = defineCommand({
  meta: { name: 'tagboat', version: '0.1.0', description: 'Git in, model out' },
  subCommands: Object.fromEntries(commands.map((name) => [name, load(name)])),
});

/** Runs one command line. @returns the exit code */
export async function run(args: readonly string[]): Promise<number> {
  try {
    if (args.length === 0 || args[0] === '--help') {
      process.stdout.write(`${await renderUsage(main)}\n`);
      return 0;
    }
    await runCommand(main, { rawArgs: [...args] });
    return 0;
  } catch (error) {
    process.stderr.write(`error: ${describeError(error)}\n`);
    if (process.env.TAGBOAT_DEBUG) process.stderr.write(`${(error as Error).stack}\n`);
    return 1;
  }
}
