import { notFound } from '@tagboat/base';
import { revertCommit } from '@tagboat/git-client';
import { deploymentBranch, pinRelease, readRelease } from '@tagboat/render';
import { defineCommand } from 'citty';
import { lookNow, placeIn, readDeployment, releaseIn } from '../deployments.ts';
import { modelOptions, tell } from '../output.ts';
import { connect, findModel } from '../session.ts';

export default defineCommand({
  meta: { name: 'rollback', description: 'Takes the newest release of an environment back, by a git revert' },
  args: {
    ...modelOptions,
    environment: {
      type: 'string',
      alias: 'e',
      description: 'default: production where something runs there, else staging',
    },
  },
  async run({ args }) {
    const client = await connect();
    const model = await findModel(client, args.model, args.project);
    const deployment = await readDeployment(client, model);
    const environment =
      args.environment ?? (deployment.releases.has('production') ? 'production' : 'staging');
    const place = placeIn(model, environment);
    const release = releaseIn(deployment, environment);
    const entry = deployment.log.find(
      ({ trailers, subject }) =>
        trailers['Tagboat-Environment'] === environment &&
        trailers['Tagboat-Tag'] === release.tag &&
        trailers['Tagboat-Run'] === release.run &&
        !subject.startsWith('Revert '),
    );
    if (!entry)
      throw notFound(`the commit that released ${release.tag} in ${environment} is not in the history`);
    const { commit } = await revertCommit({
      url: deployment.url,
      branch: deploymentBranch,
      ...deployment.access,
      commit: entry.commit,
      trailers: [`Tagboat-Rollback: ${environment} ${release.tag}`],
      onConflict: async (tree, before) => {
        const previous = await readRelease({ read: before }, place);
        if (previous) await pinRelease(tree, place, previous);
        return previous !== undefined;
      },
    });
    await lookNow(client, model, commit);
    const now = (await readDeployment(client, model)).releases.get(environment);
    const result = {
      model: model.metadata.name,
      environment,
      from: release.tag,
      to: now?.tag ?? null,
      commit,
    };
    tell(
      args.output,
      result,
      `${environment} goes back from ${release.tag} to ${now?.tag ?? 'nothing'} by commit ${commit.slice(0, 10)}`,
    );
  },
});
