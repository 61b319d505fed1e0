import { defineCommand } from 'citty';
import { connect } from '../session.ts';

export default defineCommand({
  meta: {
    name: 'git-credential',
    description: 'Tells git the token of this platform (git-credential(1))',
    hidden: true,
  },
  args: { action: { type: 'positional', required: false } },
  async run({ args }) {
    if (args.action !== 'get') return;
    const client = await connect();
    process.stdout.write(`username=tagboat\npassword=${client.token}\n`);
  },
});
