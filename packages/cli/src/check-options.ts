import { invalid } from '@tagboat/base';
import type { ArgDef, ArgsDef, CommandDef } from 'citty';
import { outputOption } from './output.ts';

/**
 * Refuses options that a command does not have, which would else be passed over.
 * @throws `Invalid` naming the option
 */
export async function checkOptions(
  command: CommandDef,
  args: readonly string[],
  name: string,
): Promise<void> {
  const subCommands = await resolved(command.subCommands);
  const sub = args.find((word) => !word.startsWith('-'));
  const next = subCommands && sub !== undefined ? await resolved(subCommands[sub]) : undefined;
  if (next) return checkOptions(next as CommandDef, args.slice(args.indexOf(sub!) + 1), `${name} ${sub}`);
  if (subCommands) return;
  const known = optionsOf((await resolved(command.args)) ?? {});
  for (let index = 0; index < args.length; index++) {
    const word = args[index]!;
    if (word === '--') return;
    // A negative number is a value, and a single dash is standard input.
    if (!/^-{1,2}[A-Za-z]/.test(word)) continue;
    const [option = '', value] = word.replace(/^--?/, '').split('=', 2);
    const definition = known.get(option) ?? known.get(option.replace(/^no-/, ''));
    if (definition === undefined)
      throw invalid(`there is no option ${word.split('=')[0]}`, { hint: `see: tagboat ${name} --help` });
    const given = value ?? (definition.type === 'boolean' ? undefined : args[++index]);
    if (definition === outputOption.output) checkOutput(given);
  }
}

function checkOutput(format: string | undefined): void {
  if (format !== 'json') throw invalid(`expected the output format json, found "${format ?? ''}"`);
}

function optionsOf(definitions: ArgsDef): Map<string, ArgDef> {
  const known = new Map<string, ArgDef>();
  for (const [name, definition] of Object.entries(definitions)) {
    if (definition.type === 'positional') continue;
    const aliases = 'alias' in definition ? [definition.alias ?? []].flat() : [];
    for (const option of [name, ...aliases]) known.set(option, definition);
  }
  return known;
}

export async function resolved<T>(
  value: T | Promise<T> | (() => T | Promise<T>) | undefined,
): Promise<T | undefined> {
  return typeof value === 'function' ? (value as () => T | Promise<T>)() : value;
}
