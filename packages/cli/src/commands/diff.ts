import { defineCommand } from 'citty';
import { readDeployment } from '../deployments.ts';
import { betweenOptions, say, short, show } from '../output.ts';
import { connect, findModel } from '../session.ts';

export default defineCommand({
  meta: { name: 'diff', description: 'Compares what two environments run' },
  args: betweenOptions,
  async run({ args }) {
    const client = await connect();
    const model = await findModel(client, args.model, args.project);
    const { releases } = await readDeployment(client, model);
    const json = args.output === 'json';
    const [from, to] = [releases.get(args.from), releases.get(args.to)];
    const metrics = (text: string | undefined) => JSON.parse(text || '{}') as Record<string, unknown>;
    const [a, b] = [metrics(from?.metrics), metrics(to?.metrics)];
    const commit = (release: typeof from) => (json ? release?.commit : release?.commit.slice(0, 10));
    const digest = (whole: string | undefined) => (json ? whole : short(whole));
    const rows = [
      { what: 'tag', [args.from]: from?.tag, [args.to]: to?.tag },
      { what: 'commit', [args.from]: commit(from), [args.to]: commit(to) },
      { what: 'model', [args.from]: digest(from?.modelDigest), [args.to]: digest(to?.modelDigest) },
      { what: 'image', [args.from]: digest(from?.imageDigest), [args.to]: digest(to?.imageDigest) },
      ...[...new Set([...Object.keys(a), ...Object.keys(b)])].map((name) => ({
        what: name,
        [args.from]: a[name],
        [args.to]: b[name],
      })),
    ].map((row) => ({ ...row, differs: row[args.from as 'what'] === row[args.to as 'what'] ? '' : '*' }));
    show(rows, { output: args.output, columns: ['what', args.from, args.to, 'differs'] });
    if (args.output !== 'json' && from && from.imageDigest === to?.imageDigest)
      say('the same image runs in both');
  },
});
