import { TagboatError } from '@tagboat/base';
import type { LockOptions } from './types.ts';

/** Resolves requirements to exact versions with hashes, in the format of requirements.txt. */
export async function lockEnvironment(_options: LockOptions): Promise<string> {
  throw new TagboatError('not there yet', { reason: 'NotImplemented' });
}
