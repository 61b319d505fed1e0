import { defineCommand } from 'citty';
import { say } from '../output.ts';
import { connect, consoleLink } from '../session.ts';

export default defineCommand({
  meta: { name: 'console', description: 'Prints the link that signs a browser in to the console' },
  async run() {
    say(consoleLink(await connect()));
  },
});
