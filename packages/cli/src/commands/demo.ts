import { defineCommand } from 'citty';
import { runDemo } from '../demo.ts';
import { about, connect } from '../session.ts';

export default defineCommand({
  meta: { name: 'demo', description: 'Takes the demo project from a pushed tag to a served model' },
  args: { data: { type: 'string', description: 'a TestGrid file in the place of the demo project’s own' } },
  async run({ args }) {
    const client = await connect();
    const { appsUrl } = await about(client);
    const stopping = new AbortController();
    process.once('SIGINT', () => stopping.abort());
    const live = await runDemo(client, { data: args.data, signal: stopping.signal, appsUrl });
    process.exitCode = live ? 0 : 1;
  },
});
