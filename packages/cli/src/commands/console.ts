import { defineCommand } from 'citty';
import { outputOption, tell } from '../output.ts';
import { about, connect, consoleLink } from '../session.ts';

export default defineCommand({
  meta: { name: 'console', description: 'Prints the link that signs a browser in to the console' },
  args: outputOption,
  async run({ args }) {
    const client = await connect();
    await about(client);
    const url = consoleLink(client);
    tell(args.output, { url }, url);
  },
});
