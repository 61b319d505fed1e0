import { check, defaultHome, hostFindings } from '@tagboat/server';
import { defineCommand } from 'citty';
import { toolsOfHost } from '../host.ts';
import { outputOption, show } from '../output.ts';
import { about, connect } from '../session.ts';

export default defineCommand({
  meta: { name: 'doctor', description: 'Looks at what this machine has, and says what is missing' },
  args: outputOption,
  async run({ args }) {
    const home = defaultHome();
    const findings = [
      ...(await hostFindings(home, () => toolsOfHost(home))),
      await check(
        'platform',
        async () => {
          const { url, driver } = await about(await connect());
          return `up at ${url}, pods by ${driver}`;
        },
        'start it with: tagboat up',
      ),
    ];
    show(findings as unknown as Record<string, unknown>[], {
      output: args.output,
      columns: ['what', 'state', 'found'],
    });
    if (findings.some(({ state, what }) => state === 'missing' && what !== 'platform')) process.exitCode = 1;
  },
});
