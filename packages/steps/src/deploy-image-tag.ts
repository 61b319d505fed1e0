import { invalid, notFound } from '@tagboat/base';
import { commitFiles, git, lsRemote } from '@tagboat/git-client';
import { type Document, isMap, isScalar, parseAllDocuments, type YAMLMap } from 'yaml';
import type { StepContext } from './context.ts';
import { imageTag } from './image-tag.ts';

/**
 * Rewrites the image in the team's deployment repository, and commits: of an ImageStream all tags, of a Job (whose name
 * gets the tag) and of Deployments the containers of that image. Everything else in the file stays as it stands.
 */
export async function deployImageTag(context: StepContext): Promise<void> {
  const url = context.get('TAGBOAT_DEPLOYMENT_URL');
  const path = context.get('TAGBOAT_DEPLOYMENT_PATH');
  const name = context.get('TAGBOAT_IMAGE_NAME');
  const tag = context.get('TAGBOAT_TAG');
  const image = `${context.image}:${imageTag(tag)}`;
  const access = await context.credentialsFor(url);
  const { defaultBranch = 'main' } = await lsRemote(url, access);
  const { commit, changed } = await commitFiles({
    url,
    branch: defaultBranch,
    ...access,
    message: `Deploy the tag ${tag} for ${context.get('TAGBOAT_MODEL')}\n\nTagboat-Run: ${context.get('TAGBOAT_RUN')}`,
    change: async (tree) => {
      const text = await tree.read(path);
      if (text === undefined)
        throw notFound(`${url} has no file ${path}`, {
          hint: 'correct deploy.overlay-contextpath in .aicoe-ci.yaml',
        });
      await tree.write(path, withImage(text, { path, name, tag: imageTag(tag), image }));
    },
  });
  context.say(changed ? `commit ${commit.slice(0, 10)}: ${name} is ${image}` : `${name} is ${image} already`);
  await context.result('commit', commit);
}

/** The text with the image in place. @throws `Invalid` when nothing in it is of this name */
export function withImage(
  text: string,
  about: { path: string; name: string; tag: string; image: string },
): string {
  const documents = parseAllDocuments(text);
  if (!Array.isArray(documents)) throw invalid(`${about.path} is empty`);
  const touched = documents.map((document) => rewrite(document, about)).some(Boolean);
  if (!touched)
    throw invalid(`${about.path} has no ImageStream, Job or Deployment "${about.name}"`, {
      hint: 'correct deploy.image-name in .aicoe-ci.yaml',
    });
  return documents.map((document) => document.toString({ lineWidth: 0 })).join('');
}

function rewrite(
  document: Document,
  { name, tag, image }: { name: string; tag: string; image: string },
): boolean {
  const found = String(document.getIn(['metadata', 'name']) ?? '');
  const kind = document.get('kind');
  if (kind === 'ImageStream' && found === name) {
    for (const item of items(document, ['spec', 'tags'])) item.setIn(['from', 'name'], image);
    return true;
  }
  const template = kind === 'CronJob' ? ['spec', 'jobTemplate', 'spec', 'template'] : ['spec', 'template'];
  const containers = items(document, [...template, 'spec', 'containers']);
  if (kind === 'Job' && found.includes(name)) {
    document.setIn(['metadata', 'name'], `${name}-${tag}`);
    for (const item of containers) item.set('image', image);
    return true;
  }
  if (kind !== 'Deployment' && kind !== 'StatefulSet' && kind !== 'CronJob') return false;
  const own = containers.filter((item) => item.get('name') === name || found === name);
  for (const item of own) item.set('image', image);
  return own.length > 0;
}

function items(document: Document, path: readonly string[]): YAMLMap[] {
  const list = document.getIn(path) as { items?: unknown[] } | undefined;
  return (list?.items ?? []).filter((item): item is YAMLMap => isMap(item) && !isScalar(item));
}

/** Gives a sibling repository's newest commit the same tag. */
export async function tagSibling(context: StepContext): Promise<void> {
  const url = context.get('TAGBOAT_SIBLING_URL');
  const ref = `refs/tags/${context.get('TAGBOAT_TAG')}`;
  const access = await context.credentialsFor(url);
  const { refs, defaultBranch = 'main' } = await lsRemote(url, access);
  if (refs[ref]) {
    context.say(`${url} has ${ref} already, at ${refs[ref].slice(0, 10)}`);
    return;
  }
  const head = refs[`refs/heads/${defaultBranch}`];
  if (!head) throw notFound(`${url} has no branch ${defaultBranch}`);
  const directory = await context.directory('sibling');
  await git(['clone', '--quiet', '--mirror', '--', url, directory], access);
  await git(['push', '--quiet', '--', url, `${head}:${ref}`], { cwd: directory, ...access });
  context.say(`tagged ${head.slice(0, 10)} of ${url} as ${context.get('TAGBOAT_TAG')}`);
}
