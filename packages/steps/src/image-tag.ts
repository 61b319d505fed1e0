import { notFound } from '@tagboat/base';
import type { StepContext } from './context.ts';

/** Gives an image its tag. @throws `NotFound` */
export async function tagImage(context: StepContext, digest: string, tag: string): Promise<void> {
  const registry = await context.registry();
  const manifest = await registry.getManifest(context.artifacts(), digest);
  if (!manifest) throw notFound(`there is no image ${context.image}@${digest} in the registry`);
  await registry.putManifest(context.artifacts(), imageTag(tag), manifest);
}

/** A git tag as an image tag (OCI distribution spec: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`). */
export function imageTag(tag: string): string {
  const clean = tag.replace(/[^\w.-]/g, '-').slice(0, 128);
  return /^\w/.test(clean) ? clean : `_${clean.slice(1)}`;
}
