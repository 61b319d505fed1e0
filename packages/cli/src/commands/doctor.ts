import { access, constants, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describeError } from '@tagboat/base';
import { probeHost } from '@tagboat/node';
import { runCommand } from '@tagboat/process';
import { resolveInterpreter } from '@tagboat/python';
import { defaultHome } from '@tagboat/server';
import { defineCommand } from 'citty';
import { toolsOfHost } from '../host.ts';
import { outputOption, show } from '../output.ts';
import { about, connect } from '../session.ts';

interface Finding {
  readonly what: string;
  readonly state: 'ok' | 'missing' | 'note';
  readonly found: string;
}

export default defineCommand({
  meta: { name: 'doctor', description: 'Looks at what this machine has, and says what is missing' },
  args: outputOption,
  async run({ args }) {
    const home = defaultHome();
    const findings = await Promise.all([
      check(
        'git',
        async () => (await runCommand('git', ['--version'])).stdout.toString('utf8').trim(),
        'install git',
      ),
      check(
        'python',
        async () => {
          const { version, path } = await resolveInterpreter();
          return `${version} (${path})`;
        },
        'install Python 3.10 or later',
      ),
      check('node', async () => process.version, ''),
      check('state', async () => `${home}, ${await freeSpace(home)}`, ''),
      check('pods', async () => (await probeHost(await toolsOfHost(home), home)) ?? 'sandbox', ''),
      check(
        'platform',
        async () => {
          const { url, driver } = await about(await connect());
          return `up at ${url}, pods by ${driver}`;
        },
        'start it with: tagboat up',
      ),
    ]);
    show(findings as unknown as Record<string, unknown>[], {
      output: args.output,
      columns: ['what', 'state', 'found'],
    });
    if (findings.some(({ state, what }) => state === 'missing' && what !== 'platform')) process.exitCode = 1;
  },
});

async function check(what: string, look: () => Promise<string>, hint: string): Promise<Finding> {
  try {
    return { what, state: 'ok', found: await look() };
  } catch (error) {
    return { what, state: 'missing', found: `${describeError(error)}${hint ? `; ${hint}` : ''}` };
  }
}

async function freeSpace(path: string): Promise<string> {
  for (let directory = path; ; directory = dirname(directory)) {
    const there = await access(directory, constants.F_OK).then(
      () => true,
      () => false,
    );
    if (!there && directory !== '/') continue;
    const { bavail, bsize } = await statfs(directory);
    return `${Math.round((bavail * bsize) / 2 ** 30)} GiB free`;
  }
}
