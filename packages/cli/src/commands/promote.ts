import { commitFiles } from '@tagboat/git-client';
import { deploymentBranch, pinRelease, type Release, readRelease, releaseMessage } from '@tagboat/render';
import { defineCommand } from 'citty';
import { lookNow, placeIn, readDeployment, releaseIn } from '../deployments.ts';
import { betweenOptions, tell } from '../output.ts';
import { connect, findModel } from '../session.ts';

export default defineCommand({
  meta: { name: 'promote', description: 'Releases what one environment runs in another, by a commit' },
  args: betweenOptions,
  async run({ args }) {
    const client = await connect();
    const model = await findModel(client, args.model, args.project);
    const [from, to] = [placeIn(model, args.from), placeIn(model, args.to)];
    const deployment = await readDeployment(client, model);
    let release: Release = releaseIn(deployment, args.from);
    const sequence = deployment.log.find(({ trailers }) => trailers['Tagboat-Run'] === release.run)?.trailers[
      'Tagboat-Sequence'
    ];
    const { commit, changed } = await commitFiles({
      url: deployment.url,
      branch: deploymentBranch,
      ...deployment.access,
      message: () => releaseMessage(args.to, release, Number(sequence ?? 0)),
      change: async (tree) => {
        release = (await readRelease(tree, from)) ?? release;
        const now = await readRelease(tree, to);
        if (now?.imageDigest === release.imageDigest && now.tag === release.tag) return;
        await pinRelease(tree, to, release);
      },
    });
    if (changed) await lookNow(client, model, commit);
    const result = { model: model.metadata.name, environment: args.to, tag: release.tag, commit, changed };
    const told = changed
      ? `${release.tag} goes to ${args.to} by commit ${commit.slice(0, 10)}; see: tagboat apps`
      : `${args.to} runs ${release.tag} already`;
    tell(args.output, result, told);
  },
});
