import { TagboatError } from '@tagboat/base';
import type { Interpreter, ResolveInterpreterOptions } from './types.ts';

/** Finds a Python on PATH, among pyenv's and among uv's that is what was asked for. */
export async function resolveInterpreter(_options: ResolveInterpreterOptions = {}): Promise<Interpreter> {
  throw new TagboatError('not there yet', { reason: 'NotImplemented' });
}
