import { type CommandDef, defineCommand } from 'citty';
import { expect, test } from 'vitest';
import { checkOptions } from './check-options.ts';
import { outputOption } from './output.ts';

const command = defineCommand({
  args: {
    model: { type: 'positional' },
    project: { type: 'string', alias: 'p' },
    ...outputOption,
    follow: { type: 'boolean', alias: 'f' },
    'no-wait': { type: 'boolean' },
  },
}) as CommandDef;
const nested = defineCommand({ subCommands: { set: command } });

test.each([
  [[]],
  [['prices', '-p', 'team', '-f', '-o', 'json']],
  [['--project=team', '--no-wait', '--output=json']],
  [['prices', '-1']],
  [['--', '--anything']],
  [['-p', '--strange-but-a-value']],
])('%j is fine', async (args) => {
  await expect(checkOptions(command, args, 'x')).resolves.toBeUndefined();
});

test.each<[string[], RegExp]>([
  [['--prject', 'team'], /there is no option --prject .*tagboat x --help/],
  [['-o', 'xml'], /expected the output format json, found "xml"/],
  [['-x'], /there is no option -x/],
])('%j is refused', async (args, message) => {
  const hinted = checkOptions(command, args, 'x').catch((error) => {
    throw new Error(`${error.message} (${error.hint})`);
  });
  await expect(hinted).rejects.toThrow(message);
});

test('options of nested commands', async () => {
  await expect(checkOptions(nested, ['set', '-p', 'team'], 'x')).resolves.toBeUndefined();
  await expect(checkOptions(nested, ['set', '--nope'], 'x')).rejects.toThrow(/--nope/);
});
