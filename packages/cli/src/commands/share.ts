import { invalid } from '@tagboat/base';
import { defineCommand } from 'citty';
import { modelOptions, show, tell } from '../output.ts';
import { connect, findModel } from '../session.ts';

interface ShareLink {
  readonly name: string;
  readonly expires: string;
  readonly url: string;
}

export default defineCommand({
  meta: {
    name: 'share',
    description: 'Makes a link that shows a model for some days to somebody without the owner token',
  },
  args: {
    ...modelOptions,
    days: { type: 'string', description: '1 to 90', default: '7' },
    list: { type: 'boolean', description: 'the links that still open something' },
    revoke: { type: 'string', description: 'takes a link back', valueHint: 'NAME' },
  },
  async run({ args }) {
    const client = await connect();
    const { metadata } = await findModel(client, args.model, args.project);
    const namespace = metadata.namespace ?? '';
    if (args.revoke) {
      await client.request('DELETE', `/tagboat/shares/${namespace}/${encodeURIComponent(args.revoke)}`);
      return tell(args.output, { revoked: args.revoke }, `${args.revoke} shows nothing any more`);
    }
    if (args.list) {
      const query = new URLSearchParams({ namespace, model: metadata.name });
      const response = await client.request('GET', `/tagboat/shares?${query}`);
      const { items } = (await response.json()) as { items: ShareLink[] };
      const columns = ['name', 'expires', 'url'];
      return show(
        items.map((item) => ({ ...item })),
        { output: args.output, columns, empty: 'no link is open' },
      );
    }
    if (!/^\d+$/.test(args.days)) throw invalid(`expected a number of days, found "${args.days}"`);
    const body = { namespace, model: metadata.name, days: Number(args.days) };
    const response = await client.request('POST', '/tagboat/shares', body);
    const link = (await response.json()) as ShareLink;
    return tell(args.output, link, [
      link.url,
      `shows ${namespace}/${metadata.name} until ${link.expires}; take it back: tagboat share ${metadata.name} --revoke ${link.name}`,
    ]);
  },
});
