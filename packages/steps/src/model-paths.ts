import { posix } from 'node:path';
import type { ModelFile } from '@tagboat/render';

/** A path of the model's directory as a path of the repository. */
export function inContext(model: ModelFile, path: string): string {
  return posix.normalize(posix.join(model.spec.context, path));
}
