import { text } from 'node:stream/consumers';
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
    const url = process.stdin.isTTY ? undefined : askedUrl(await text(process.stdin));
    if (url === undefined || url.host === new URL(client.url).host) {
      process.stdout.write(`username=tagboat\npassword=${client.token}\n`);
      return;
    }
    // Another server: what the platform knows of the project's repositories there, if anything.
    const known = await client.request('GET', `/git-credentials?${new URLSearchParams({ url: url.href })}`);
    const { username, password } = (await known.json()) as { username?: string; password?: string };
    if (username && password) process.stdout.write(`username=${username}\npassword=${password}\n`);
  },
});

/** What git asks about, from its lines `protocol=`, `host=`, `path=`. */
function askedUrl(lines: string): URL | undefined {
  const values = new Map(
    lines.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  return (
    URL.parse(`${values.get('protocol')}://${values.get('host')}/${values.get('path') ?? ''}`) ?? undefined
  );
}
