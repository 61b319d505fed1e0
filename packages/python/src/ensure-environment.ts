import { TagboatError } from '@tagboat/base';
import type { EnsureEnvironmentOptions, Environment } from './types.ts';

/**
 * The Python environment for these requirements, made if it is not there. Callers in any number of processes share one.
 * When it is there already, nothing is started and the network is not used.
 */
export async function ensureEnvironment(_options: EnsureEnvironmentOptions): Promise<Environment> {
  throw new TagboatError('not there yet', { reason: 'NotImplemented' });
}
