import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, lstat, mkdir, readdir, readlink, rename, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PodSteps, StepReuse } from '@tagboat/api';
import { canonicalJson, sha256, TagboatError } from '@tagboat/base';
import { removeTree, runChecked } from '@tagboat/process';
import { staysInside } from './inside.ts';
import type { NodeLayout } from './layout.ts';

interface Paths {
  /** Where the host has a path that steps see. */
  readonly hostPath: (path: string) => string | undefined;
  /** Behind `/tekton/results`. */
  readonly results: string;
}

/** One task's kept outcome: found by a hash over everything that it says decides it. */
export class StepReuseCache {
  readonly key: string;
  readonly #directory: string;
  readonly #reuse: StepReuse;
  readonly #paths: Paths;

  private constructor(key: string, directory: string, { reuse, paths }: { reuse: StepReuse; paths: Paths }) {
    this.key = key;
    this.#directory = directory;
    this.#reuse = reuse;
    this.#paths = paths;
  }

  /** @returns undefined where the task declares no reuse */
  static async open(
    layout: NodeLayout,
    { reuse }: PodSteps,
    paths: Paths,
  ): Promise<StepReuseCache | undefined> {
    if (!reuse) return undefined;
    const inputs: Record<string, string> = {};
    for (const path of reuse.inputs) inputs[path] = await hashOf(await resolved(paths, path));
    const key = sha256(canonicalJson({ identity: reuse.identity, inputs, outputs: reuse.outputs }));
    return new StepReuseCache(key, join(layout.reuse, key.slice('sha256:'.length)), { reuse, paths });
  }

  /** Puts the kept outcome back. @returns false where there is none */
  async restore(): Promise<boolean> {
    if (!(await stat(join(this.#directory, 'results')).catch(() => undefined))) return false;
    await copyInto(join(this.#directory, 'results'), this.#paths.results);
    for (const [index, path] of this.#reuse.outputs.entries()) {
      const kept = join(this.#directory, `output-${index}`);
      const target = await resolved(this.#paths, path);
      await removeTree([target]);
      if (await lstat(kept).catch(() => undefined)) {
        await mkdir(dirname(target), { recursive: true });
        await copyTree(kept, target);
      }
    }
    const now = new Date();
    await utimes(this.#directory, now, now);
    return true;
  }

  /** Keeps what the task just made; whole or not at all. */
  async keep(): Promise<void> {
    const temporary = `${this.#directory}.${randomUUID()}.tmp`;
    try {
      await mkdir(join(temporary, 'results'), { recursive: true });
      await copyInto(this.#paths.results, join(temporary, 'results'));
      for (const [index, path] of this.#reuse.outputs.entries()) {
        const source = await resolved(this.#paths, path);
        if (await lstat(source).catch(() => undefined))
          await copyTree(source, join(temporary, `output-${index}`));
      }
      await removeTree([this.#directory]);
      await rename(temporary, this.#directory);
    } catch (error) {
      await removeTree([temporary]);
      throw error;
    }
  }
}

async function resolved(paths: Paths, path: string): Promise<string> {
  const found = paths.hostPath(path);
  if (found === undefined)
    throw new TagboatError(
      `the task declares the path "${path}" for reuse, which is in none of its volumes`,
      {
        reason: 'InvalidReuse',
        retryable: false,
        hint: 'name paths below its workspaces, such as $(workspaces.source.path)/src',
      },
    );
  return found;
}

/** What is no plain file is no result. */
async function copyInto(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true }))
    if (entry.isFile()) await copyFile(join(from, entry.name), join(to, entry.name));
}

/** Copies whatever a step can make, holes as holes, links and pipes as they are, in a process of its own. */
async function copyTree(from: string, to: string): Promise<void> {
  await runChecked('cp', ['-a', '--', from, to]);
}

/** A hash over names, modes and content of everything below a path; what is not there has a hash too. */
async function hashOf(root: string): Promise<string> {
  const hash = createHash('sha256');
  const visit = async (path: string, name: string): Promise<void> => {
    const found = await lstat(path).catch(() => undefined);
    if (!found) {
      hash.update(`absent ${name}\0`);
      return;
    }
    if (found.isSymbolicLink()) hash.update(`link ${name}\0${await readlink(path)}\0`);
    else if (found.isDirectory()) {
      hash.update(`directory ${name}\0`);
      for (const entry of (await readdir(path)).sort()) await visit(join(path, entry), `${name}/${entry}`);
    } else if (found.isFile() && staysInside(root, path)) {
      hash.update(`file ${name}\0${found.mode & 0o111 ? 'x' : '-'}\0${found.size}\0`);
      for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    }
  };
  await visit(root, '');
  return hash.digest('hex');
}
