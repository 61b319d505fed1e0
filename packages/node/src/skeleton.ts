import {
  chmodSync,
  chownSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  type Stats,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** Where a path leads inside a root, following links as a process would that has this root. */
export function resolveInside(root: string, path: string): string {
  let resolved = '/';
  const parts = normalize(path).split('/').filter(Boolean);
  for (let links = 0; parts.length > 0; ) {
    const part = parts.shift()!;
    if (part === '..') {
      resolved = dirname(resolved);
      continue;
    }
    const next = join(resolved, part);
    const target = linkTarget(join(root, next));
    if (target === undefined || ++links > 40) resolved = next;
    else {
      if (target.startsWith('/')) resolved = '/';
      parts.unshift(...target.split('/').filter((name) => name !== '' && name !== '.'));
    }
  }
  return resolved;
}

function linkTarget(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isSymbolicLink() ? readlinkSync(path) : undefined;
}

/** A directory that becomes a container's root: what is made in it never leaves it, whatever links it holds. */
export class Skeleton {
  readonly root: string;
  /** Files that lie under the root's, as an overlay shows them: their directories keep their modes and owners. */
  readonly #base: string | undefined;

  constructor(root: string, base?: string) {
    this.root = root;
    this.#base = base;
    mkdirSync(root, { recursive: true });
  }

  directory(path: string, mode?: number): void {
    const target = this.#inside(path);
    if (target === '/') return;
    if (!this.#exists(target)) {
      this.directory(dirname(target));
      this.#keepParent(target);
      mkdirSync(join(this.root, target), { recursive: true });
    }
    if (mode !== undefined) {
      this.#bring(target);
      chmodSync(join(this.root, target), mode);
    }
  }

  file(path: string): void {
    const target = this.#inside(path);
    if (this.#exists(target)) return;
    this.directory(dirname(target));
    this.#keepParent(target);
    writeFileSync(join(this.root, target), '');
  }

  /** Files and directories with the content, modes and owners of those below a directory of this host. */
  copy(from: string, path: string): void {
    for (const name of readdirSync(from)) {
      const [source, target] = [join(from, name), this.#inside(join(path, name))];
      const found = lstatSync(source);
      const here = join(this.root, target);
      this.directory(dirname(target));
      this.#keepParent(target);
      if (found.isDirectory()) mkdirSync(here, { recursive: true });
      else if (found.isFile()) copyFileSync(source, here);
      else continue;
      chmodSync(here, found.mode & 0o777);
      if (process.getuid?.() === 0) chownSync(here, found.uid, found.gid);
      if (found.isDirectory()) this.copy(source, target);
    }
  }

  link(path: string, target: string): void {
    const place = join(this.root, dirname(this.#inside(path)), path.split('/').at(-1)!);
    if (!lstatSync(place, { throwIfNoEntry: false })) symlinkSync(target, place);
  }

  #inside(path: string): string {
    return resolveInside(this.#base ?? this.root, path);
  }

  #exists(path: string): boolean {
    return [this.root, ...(this.#base === undefined ? [] : [this.#base])].some((root) =>
      lstatSync(join(root, path), { throwIfNoEntry: false }),
    );
  }

  /** What is made in a directory of the base needs that directory here, as it is there. */
  #keepParent(path: string): void {
    const parents: string[] = [];
    for (let parent = dirname(path); parent !== '/'; parent = dirname(parent)) parents.unshift(parent);
    for (const parent of parents) this.#bring(parent);
  }

  #bring(path: string): void {
    const here = join(this.root, path);
    if (lstatSync(here, { throwIfNoEntry: false })) return;
    const found: Stats | undefined =
      this.#base === undefined ? undefined : lstatSync(join(this.#base, path), { throwIfNoEntry: false });
    mkdirSync(here, { recursive: true });
    if (!found) return;
    chmodSync(here, found.mode & 0o7777);
    // An ordinary user has but one owner to give.
    if (process.getuid?.() === 0) chownSync(here, found.uid, found.gid);
  }
}
