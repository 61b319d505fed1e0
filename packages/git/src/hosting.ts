import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { invalid, writeFileAtomic } from '@tagboat/base';
import { git } from '@tagboat/git-client';
import { postReceiveHook, procReceiveHook } from './proc-receive.ts';

const nameForm = /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/;

/** What git is told in every repository (git-config(1)). */
const settings = `[core]
\tfsync = all
\tlogAllRefUpdates = always
[receive]
\tfsckObjects = true
\tadvertisePushOptions = true
[uploadpack]
\tallowFilter = true
\tallowReachableSHA1InWant = true
[http]
\treceivepack = true
`;

/** The bare repositories that are hosted here, one directory each. */
export class Hosting {
  readonly #directory: string;
  #hooks: Promise<unknown> | undefined;
  readonly #making = new Map<string, Promise<string>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @throws `Invalid` for names that are not plain */
  path(namespace: string, name: string): string {
    for (const part of [namespace, name])
      if (!nameForm.test(part) || part.includes('..'))
        throw invalid(`expected a repository name of small letters, digits, "-" and ".", found "${part}"`);
    return join(this.#directory, namespace, `${name}.git`);
  }

  /** The repository, made when it is not there: a rename at the end, so that a kill leaves nothing half made. */
  async ensure(namespace: string, name: string): Promise<string> {
    const path = this.path(namespace, name);
    if (existsSync(path)) return path;
    const running = this.#making.get(path) ?? this.#make(path);
    this.#making.set(path, running);
    return running.finally(() => this.#making.delete(path));
  }

  async #make(path: string): Promise<string> {
    const temporary = `${path}.${process.pid}.new`;
    await rm(temporary, { recursive: true, force: true });
    await mkdir(dirname(path), { recursive: true });
    await git(['init', '--quiet', '--bare', '--initial-branch=main', temporary]);
    // Written at once: a process for each setting would take longer than all the rest.
    await appendFile(join(temporary, 'config'), settings);
    await rename(temporary, path).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      await rm(temporary, { recursive: true, force: true });
    });
    return path;
  }

  /** The directory of the only hooks that run here: they hand proposed changes over to this process, and say where to look. */
  async hooks(): Promise<string> {
    const directory = join(this.#directory, '.hooks');
    this.#hooks ??= Promise.all([
      writeFileAtomic(join(directory, 'proc-receive'), procReceiveHook, 0o755),
      writeFileAtomic(join(directory, 'post-receive'), postReceiveHook, 0o755),
    ]);
    await this.#hooks;
    return directory;
  }

  /** Renamed first, so that one of the same name can be made while this one goes. */
  async remove(namespace: string, name: string): Promise<void> {
    const path = this.path(namespace, name);
    const gone = `${path}.${randomUUID()}.gone`;
    try {
      await rename(path, gone);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    await rm(gone, { recursive: true, force: true });
  }

  /** Full ref name -> commit, annotated tags peeled; refs that name no commit and heads of pull requests are left out. */
  async refs(
    namespace: string,
    name: string,
  ): Promise<{ refs: Record<string, string>; defaultBranch: string }> {
    const path = await this.ensure(namespace, name);
    const format = '%(refname) %(objecttype) %(objectname) %(*objecttype) %(*objectname)';
    const [{ stdout }, head] = await Promise.all([
      git(['for-each-ref', `--format=${format}`], { cwd: path }),
      git(['symbolic-ref', '--short', 'HEAD'], { cwd: path }),
    ]);
    const refs: Record<string, string> = {};
    for (const line of stdout.toString('utf8').split('\n').filter(Boolean)) {
      const [ref, type, id, peeledType, peeled] = line.split(' ');
      if (ref!.startsWith('refs/pull/')) continue;
      if (type === 'commit') refs[ref!] = id!;
      else if (peeledType === 'commit') refs[ref!] = peeled!;
    }
    return {
      refs,
      defaultBranch: await this.#defaultBranch(path, head.stdout.toString('utf8').trim(), refs),
    };
  }

  /** HEAD follows the first branch that is pushed, so that a clone of a repository pushed as `master` checks out. */
  async #defaultBranch(path: string, head: string, refs: Record<string, string>): Promise<string> {
    if (refs[`refs/heads/${head}`]) return head;
    const branches = Object.keys(refs).flatMap((ref) => /^refs\/heads\/(.+)$/.exec(ref)?.[1] ?? []);
    const first = branches.find((branch) => branch === 'master') ?? branches[0];
    if (!first) return head;
    await git(['symbolic-ref', 'HEAD', `refs/heads/${first}`], { cwd: path });
    return first;
  }
}
