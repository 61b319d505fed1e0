import { fetchLfsObjects, fetchMirror, lfsPointers } from '@tagboat/git-client';
import type { StepContext } from './context.ts';

const submodule = '160000';

/** Fetches the repository into the workspace, bare; later steps take their files from it. */
export async function clone(context: StepContext): Promise<void> {
  const url = context.get('TAGBOAT_REPOSITORY_URL');
  const access = await context.credentialsFor(url);
  await fetchMirror(url, context.repository, access);
  const commit = await context.commit({ exported: true });
  const [subject] = (await commit.message()).split('\n');
  context.say(`${commit.id.slice(0, 10)} ${subject}`);
  for (const { path, mode } of await commit.files())
    if (mode === submodule)
      context.say(
        `warning: ${path} is a submodule, and its files are not fetched: commit them, or name its package as "NAME @ git+URL" among the requirements`,
      );
  const pointers = await lfsPointers(commit);
  if (pointers.length > 0) {
    const missing = await fetchLfsObjects(url, context.repository, { pointers, ...access });
    const lacks = new Set(missing.map(({ oid }) => oid));
    const size = pointers.reduce((sum, pointer) => sum + (lacks.has(pointer.oid) ? 0 : pointer.size), 0);
    if (missing.length < pointers.length)
      context.say(`${pointers.length - missing.length} Git LFS files (${Math.ceil(size / 2 ** 20)} MiB)`);
    const paths = new Map(pointers.map(({ oid, path }) => [oid, path]));
    for (const { oid } of missing)
      context.say(`warning: the content of ${paths.get(oid)} is not at ${url}: its pointer stands for it`);
  }
  await context.result('commit', commit.id);
}
