import { commitFiles, readLog, type WorkingTree } from '@tagboat/git-client';
import {
  compareTags,
  type Deploy,
  deploymentBranch,
  type ModelFile,
  pinRelease,
  type Release,
  readRelease,
  releaseMessage,
  releasePlace,
  scaffoldDeployment,
  serveSettings,
} from '@tagboat/render';
import type { StepContext } from './context.ts';
import { tagImage } from './image-tag.ts';

interface Outcome {
  readonly outcome: 'Released' | 'Superseded' | 'Unchanged';
  readonly commit: string;
}

/** Commits the new digest to the deployment repository, for every environment that follows by itself. */
export async function release(context: StepContext): Promise<void> {
  const commit = await context.commit();
  const model = await context.model(commit);
  const pinned: Release = {
    model: model.name,
    project: context.get('TAGBOAT_PROJECT'),
    image: context.image,
    imageDigest: context.get('TAGBOAT_IMAGE_DIGEST'),
    modelDigest: context.get('TAGBOAT_MODEL_DIGEST'),
    tag: context.get('TAGBOAT_TAG'),
    commit: commit.id,
    run: context.get('TAGBOAT_RUN'),
    metrics: context.optional('TAGBOAT_METRICS_JSON') ?? '{}',
    data: context.optional('TAGBOAT_DATA_DIGESTS') ?? '{}',
    serve: serveSettings(model.spec),
  };
  // Beside the fetch of the deployment repository; nothing is committed before it is done.
  const tagged = tagImage(context, pinned.imageDigest, pinned.tag);
  tagged.catch(() => undefined);
  const targets = model.spec.deploy.filter(({ via }) => via === 'commit');
  const outcomes: Outcome[] = [];
  for (const target of targets) {
    const done = await releaseTo(context, { model, target, pinned, tagged });
    context.say(`${target.environment}: ${sentence(done, pinned.tag)}`);
    outcomes.push(done);
  }
  await tagged;
  const first = outcomes.find(({ outcome }) => outcome === 'Released') ?? outcomes[0];
  await context.result('outcome', first?.outcome ?? 'Unchanged');
  await context.result('commit', first?.commit ?? '');
}

function sentence({ outcome, commit }: Outcome, tag: string): string {
  if (outcome === 'Superseded') return `${tag} was overtaken by a newer release, and is not released`;
  if (outcome === 'Unchanged') return `this run released ${tag} already`;
  return `${tag} released by commit ${commit.slice(0, 10)} of the deployment repository`;
}

interface ReleaseTarget {
  readonly model: ModelFile;
  readonly target: Deploy;
  readonly pinned: Release;
  /** Resolves when the image has its tag. */
  readonly tagged: Promise<void>;
}

async function releaseTo(
  context: StepContext,
  { model, target, pinned, tagged }: ReleaseTarget,
): Promise<Outcome> {
  const url = context.get('TAGBOAT_DEPLOYMENT_URL');
  const sequence = Number(context.optional('TAGBOAT_SEQUENCE') ?? '0');
  let outcome: Outcome['outcome'] = 'Released';
  const { commit } = await commitFiles({
    url,
    branch: deploymentBranch,
    ...(await context.credentialsFor(url)),
    message: () => releaseMessage(target.environment, pinned, sequence),
    // A commit of its own: reverting the first release then leaves environments in which nothing is released.
    beginning: {
      message: `Begin the deployment of ${model.name}\n`,
      change: (tree) => scaffoldDeployment(tree, model.name, model.spec),
    },
    change: async (tree) => {
      await scaffoldDeployment(tree, model.name, model.spec);
      outcome = await standing(tree, { target, pinned, sequence });
      await tagged;
      if (outcome !== 'Released') return;
      await pinRelease(tree, releasePlace(model.name, target), pinned);
    },
  });
  return { outcome, commit };
}

/** Whether this release still has its turn: never twice for a run, never behind what is deployed. */
async function standing(
  tree: WorkingTree,
  { target, pinned, sequence }: { target: Deploy; pinned: Release; sequence: number },
): Promise<Outcome['outcome']> {
  const log = await readLog(tree.directory, { revision: 'HEAD' });
  const own = log.filter(({ trailers }) => trailers['Tagboat-Environment'] === target.environment);
  if (own.some(({ trailers }) => trailers['Tagboat-Run'] === pinned.run)) return 'Unchanged';
  const current = await readRelease(tree, releasePlace(pinned.model, target));
  if (!current) return 'Released';
  const order = compareTags(pinned.tag, current.tag);
  if (order !== undefined) return order < 0 ? 'Superseded' : 'Released';
  const entry = own.find(({ trailers }) => trailers['Tagboat-Run'] === current.run);
  return sequence < Number(entry?.trailers['Tagboat-Sequence'] ?? 0) ? 'Superseded' : 'Released';
}
