import { invalid } from '@tagboat/base';
import { keepObjectReaders } from '@tagboat/git-client';
import type { StepContext } from './context.ts';

type Step = (context: StepContext) => Promise<void>;

/** The built-in tasks' steps; each is loaded only when it runs. */
const steps: Readonly<Record<string, (server: string) => Promise<Step>>> = {
  clone: async () => (await import('./clone.ts')).clone,
  environment: async () => (await import('./environment.ts')).environment,
  train: async (server) => {
    const { train } = await import('./train.ts');
    return (context) => train(context, server);
  },
  evaluate: async () => (await import('./evaluate.ts')).evaluate,
  build: async (server) => {
    const { build } = await import('./build.ts');
    return (context) => build(context, server);
  },
  release: async () => (await import('./release.ts')).release,
  check: async () => (await import('./check.ts')).check,
  'elyra-node': async () => (await import('./elyra-node.ts')).elyraNode,
  workbench: async () => (await import('./workbench.ts')).workbench,
  'workbench-snapshot': async () => (await import('./workbench-snapshot.ts')).workbenchSnapshot,
  candidate: async () => (await import('./candidate.ts')).candidate,
  tag: async () => (await import('./tag.ts')).tag,
  'source-build': async (server) => {
    const { sourceBuild } = await import('./source-build.ts');
    return (context) => sourceBuild(context, server);
  },
  'image-file-build': async () => (await import('./image-file-build.ts')).imageFileBuild,
  'pre-commit': async () => (await import('./pre-commit.ts')).preCommit,
  'publish-package': async () => (await import('./publish-package.ts')).publishPackage,
  'deploy-image-tag': async () => (await import('./deploy-image-tag.ts')).deployImageTag,
  'tag-sibling': async () => (await import('./deploy-image-tag.ts')).tagSibling,
};

/**
 * Runs one step of a built-in task.
 * @param server the directory with the model server's Python package
 * @throws what the step throws
 */
export async function runStep(name: string, context: StepContext, server: string): Promise<void> {
  const load = steps[name];
  if (!load) throw invalid(`there is no step "${name}"; there are ${Object.keys(steps).join(', ')}`);
  keepObjectReaders();
  await (await load(server))(context);
}
