import type { CollectionReport } from '@tagboat/api';
import { bytesText } from '@tagboat/base';
import { defineCommand } from 'citty';
import pc from 'picocolors';
import { outputOption, tell } from '../output.ts';
import { connect } from '../session.ts';

export default defineCommand({
  meta: {
    name: 'collect',
    description:
      'Removes now what nothing uses any more, which is done twice a day by itself; see: keep in the README',
  },
  args: outputOption,
  async run({ args }) {
    const client = await connect();
    const report = (await (await client.request('POST', '/tagboat/collect')).json()) as CollectionReport;
    tell(args.output, report, linesOf(report));
    if (report.problems.length > 0) process.exitCode = 1;
  },
});

/** What a collection found and removed, a line for each part. */
export function linesOf({
  registry,
  workspaces,
  environments,
  images,
  problems,
}: CollectionReport): string[] {
  const removed = (count: number, what: string, bytes: number) =>
    count === 0 && bytes === 0 ? 'nothing removed' : `removed ${count} ${what} (${bytesText(bytes)})`;
  return [
    ...(registry
      ? [
          `registry: ${bytesText(registry.stored.bytes)} in ${registry.stored.blobs} blobs, ${removed(registry.removed.manifests, 'artifacts', registry.removed.bytes)}`,
        ]
      : []),
    ...(workspaces
      ? [
          `workspaces: ${workspaces.kept} kept, ${removed(workspaces.removed, 'workspaces', workspaces.bytes)}`,
        ]
      : []),
    ...(environments
      ? [
          `environments: ${environments.kept} kept, ${removed(environments.removed, 'environments', environments.bytes)}`,
        ]
      : []),
    ...(images
      ? [
          `unpacked images: ${images.kept} kept, ${removed(images.removed, 'images and layers', images.bytes)}`,
        ]
      : []),
    ...problems.map((problem) => `${pc.yellow('left alone')}: ${problem}`),
  ];
}
