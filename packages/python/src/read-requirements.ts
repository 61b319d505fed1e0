import { TagboatError } from '@tagboat/base';
import type { Requirements } from './types.ts';

/** The file of a directory that says what it needs, or undefined. */
export async function findRequirementsFile(_directory: string): Promise<string | undefined> {
  throw new TagboatError('not there yet', { reason: 'NotImplemented' });
}

/** Reads what a project asks for. `file` is relative to `directory`; nothing outside the directory is read. */
export async function readRequirements(_directory: string, _file: string): Promise<Requirements> {
  throw new TagboatError('not there yet', { reason: 'NotImplemented' });
}
