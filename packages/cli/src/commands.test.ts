import type { CommandDef } from 'citty';
import { expect, test, vi } from 'vitest';
import { commands } from './commands.ts';
import { outputOption } from './output.ts';
import { run } from './run.ts';

/** Commands that have no outcome for `-o json` to tell, and why. */
const withoutOutput: Readonly<Record<string, string>> = {
  up: 'it ends with the platform; what it started is told by: tagboat status -o json',
  demo: 'it tells what happens as it happens; what it made is told by: tagboat status -o json',
  'git-credential': 'its input and output are those of git-credential(1)',
};

async function leaves(name: string, command: CommandDef): Promise<[string, CommandDef][]> {
  if (!command.subCommands) return [[name, command]];
  const nested = Object.entries(command.subCommands as Record<string, CommandDef>);
  return (await Promise.all(nested.map(([sub, found]) => leaves(`${name} ${sub}`, found)))).flat();
}

const all = (
  await Promise.all(
    Object.entries(commands).map(async ([name, load]) => leaves(name, (await load()).default as CommandDef)),
  )
).flat();

test('every command tells its outcome as JSON, or is known not to', () => {
  expect(all.length).toBeGreaterThan(35);
  const lacking = all.filter(
    ([, { args }]) => (args as Record<string, unknown>)?.output !== outputOption.output,
  );
  expect(lacking.map(([name]) => name).sort()).toEqual(Object.keys(withoutOutput).sort());
});

test.each(all)('%s says what it does, and none of its options has two meanings', (_name, { meta, args }) => {
  expect((meta as { description?: string }).description).toBeTruthy();
  const words = Object.entries((args ?? {}) as Record<string, { type?: string; alias?: string }>).flatMap(
    ([name, { type, alias }]) => (type === 'positional' ? [] : [name, ...(alias ? [alias] : [])]),
  );
  expect(words).toEqual([...new Set(words)]);
  // The parser takes --no-x for the opposite of x, so that an option of this name is never set.
  expect(words.filter((word) => word.startsWith('no-'))).toEqual([]);
});

test.each(['status', 'workbench create', 'notebook run'])(
  '%s --help tells of that very command',
  async (name) => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    try {
      expect(await run([...name.split(' '), '--help'])).toBe(0);
      expect(write.mock.calls.join('')).toContain(`USAGE tagboat ${name} `);
    } finally {
      write.mockRestore();
    }
  },
);

test('what every object of JavaScript has is no command', async () => {
  const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  expect(await run(['constructor'])).toBe(2);
  expect(told.mock.calls.join()).toContain('there is no command "constructor"');
  told.mockRestore();
});
