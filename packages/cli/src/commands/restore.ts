import { resolve } from 'node:path';
import { systemClock } from '@tagboat/base';
import { defaultHome, restore } from '@tagboat/server';
import { defineCommand } from 'citty';
import { outputOption, tell } from '../output.ts';

export default defineCommand({
  meta: {
    name: 'restore',
    description: 'Puts what a backup holds in place, while the platform does not run: tagboat restore FILE',
  },
  args: {
    file: { type: 'positional', required: true },
    force: { type: 'boolean', description: 'replace what is there, which is kept under another name' },
    ...outputOption,
  },
  async run({ args }) {
    const home = defaultHome();
    const { createdAt, revision, kept } = await restore({
      home,
      archive: resolve(args.file),
      force: args.force ?? false,
      clock: systemClock,
    });
    tell(args.output, { home, createdAt, revision, kept }, [
      `${home} is as it was at ${createdAt} (revision ${revision})`,
      ...kept.map((path) => `what was there before: ${path}`),
    ]);
  },
});
