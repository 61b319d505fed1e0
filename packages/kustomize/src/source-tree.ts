import { readFile, realpath } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import { invalid, notFound } from '@tagboat/base';

/** The directory that a kustomization may read; nothing outside it is, whatever paths and links say. */
export class SourceTree {
  readonly root: string;
  #real: Promise<string> | undefined;

  /** @param root absolute */
  constructor(root: string) {
    this.root = root;
  }

  /** A path as messages show it. */
  name(path: string): string {
    return relative(this.root, path) || '.';
  }

  /** Where a path that a file of a directory gives leads to. @throws `Invalid` where that is outside */
  async inside(directory: string, path: string): Promise<string> {
    const full = resolve(directory, path);
    const leadsOut = () => invalid(`"${path}" in ${this.name(directory)} leads outside the repository`);
    if (!isBelow(this.root, full)) throw leadsOut();
    this.#real ??= realpath(this.root);
    const real = await realpath(full).catch(ifMissing);
    if (real !== undefined && !isBelow(await this.#real, real)) throw leadsOut();
    return full;
  }

  /** @throws `NotFound`; `Invalid` as by `inside` */
  async read(directory: string, path: string): Promise<{ name: string; bytes: Buffer }> {
    const full = await this.inside(directory, path);
    const name = this.name(full);
    const bytes = await readFile(full).catch(ifMissing);
    if (!bytes) throw notFound(`${name} does not exist; ${this.name(directory)} names it`);
    return { name, bytes };
  }
}

const isBelow = (root: string, path: string) => path === root || path.startsWith(root + sep);

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}
