import { accessSync, constants, realpathSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import type { ImageConfig, ResolvedImage } from './images.ts';

/** An image that is only a toolbox: a shell, git, Python, curl; nothing in it depends on the image's own files. */
export interface Toolbox {
  readonly name: string;
  /** `ash`: its `/bin/sh` is busybox, as in alpine. */
  readonly shell?: 'ash';
  /** What the image itself would run. */
  readonly config: ImageConfig;
}

/** Runs the program of the image, unless the first argument is a program itself (docker-library's entrypoints). */
const unlessCommand = (program: string): ImageConfig => ({
  Entrypoint: [
    '/bin/sh',
    '-c',
    `case "\${1:-}" in ""|-*) exec ${program} "$@";; *) command -v "$1" >/dev/null 2>&1 && exec "$@"; exec ${program} "$@";; esac`,
    program,
  ],
});

const shellOnly = (shell: string): ImageConfig => ({ Cmd: [shell] });

/** By the image's name on Docker Hub. */
const library: Readonly<Record<string, Omit<Toolbox, 'name'>>> = {
  alpine: { shell: 'ash', config: shellOnly('/bin/sh') },
  bash: { shell: 'ash', config: unlessCommand('bash') },
  busybox: { shell: 'ash', config: shellOnly('sh') },
  'alpine/git': { shell: 'ash', config: { Entrypoint: ['git'] } },
  'curlimages/curl': { shell: 'ash', config: unlessCommand('curl') },
  debian: { config: shellOnly('bash') },
  ubuntu: { config: shellOnly('/bin/bash') },
  fedora: { config: shellOnly('/bin/bash') },
  centos: { config: shellOnly('/bin/bash') },
  rockylinux: { config: shellOnly('/bin/bash') },
  python: { config: shellOnly('python3') },
  node: { config: unlessCommand('node') },
  perl: { config: shellOnly('perl') },
};

/** By the whole name, of images on other registries. */
const others: readonly [RegExp, string, Omit<Toolbox, 'name'>][] = [
  [
    /^registry\.access\.redhat\.com\/(ubi[89](-minimal|-micro)?|ubi[89]\/ubi(-minimal|-micro)?)$/,
    'ubi',
    { config: shellOnly('/bin/bash') },
  ],
  [/^registry\.access\.redhat\.com\/ubi[89]\/python-\d+$/, 'python', { config: shellOnly('/bin/bash') }],
  [/^ubi[89]\/python-\d+$|^ubi[89](\/ubi-minimal)?$/, 'ubi', { config: shellOnly('/bin/bash') }],
  [
    /^cgr\.dev\/chainguard\/(busybox|bash|git|wolfi-base)$/,
    'busybox',
    { shell: 'ash', config: shellOnly('/bin/sh') },
  ],
  [/^gcr\.io\/cloud-builders\/git$/, 'git', { config: { Entrypoint: ['git'] } }],
  [
    /^ghcr\.io\/tektoncd\/plumbing\/alpine-git-nonroot$/,
    'git',
    { shell: 'ash', config: { Entrypoint: ['git'] } },
  ],
  // Does nothing and ends well; Tekton itself uses it to stop sidecars.
  [
    /^(ghcr|gcr)\.io\/.*tektoncd\/pipeline\/(cmd\/)?nop(-[0-9a-f]+)?$/,
    'nop',
    { config: { Entrypoint: ['true'] } },
  ],
  [
    /^((gcr\.io\/tekton-releases|ghcr\.io)\/.*\/)?(alpine\/)?git-init$|^ghcr\.io\/tektoncd-catalog\/git-clone$/,
    'git-init',
    { config: shellOnly('/bin/sh') },
  ],
  [/(^|\/)tagboat$/, 'tagboat', { config: {} }],
];

/** Docker Hub, and mirrors of it. */
const hubs =
  /^(docker\.io|index\.docker\.io|registry-1\.docker\.io|mirror\.gcr\.io|public\.ecr\.aws\/docker)\//;

/** The toolbox that an image name stands for, or undefined when the image itself is needed. */
export function toolboxOf(image: string): Toolbox | undefined {
  const name = image.replace(/@sha256:.*$/, '').replace(/:[^/:]*$/, '');
  const tag = /:([^/:@]*)(?:@|$)/.exec(image.slice(image.lastIndexOf('/') + 1))?.[1] ?? '';
  const short = name.replace(hubs, '').replace(/^library\//, '');
  const official = library[short];
  if (official) {
    const ash = official.shell ?? (tag.includes('alpine') ? 'ash' : undefined);
    return { name: basename(short), ...official, ...(ash ? { shell: ash } : {}) };
  }
  const found = others.find(([pattern]) => pattern.test(name));
  return found && { name: found[1], ...found[2] };
}

/**
 * What stands in for busybox's shell on this host: busybox itself, else bash, which understands what ash adds to
 * POSIX. @returns undefined where the host's own `sh` must do
 */
export function ashOf(path = process.env.PATH ?? ''): Shell | undefined {
  if (!shells.has(path)) shells.set(path, findAsh(path));
  return shells.get(path);
}

interface Shell {
  readonly program: string;
  readonly applet: boolean;
}

/** What the directories of a path were found to hold; asked for at every start. */
const shells = new Map<string, Shell | undefined>();

function findAsh(path: string): Shell | undefined {
  const busybox = findProgram('busybox', path);
  if (busybox) return { program: busybox, applet: true };
  const bash = findProgram('bash', path);
  return bash === undefined ? undefined : { program: bash, applet: false };
}

/** What is shown in place of the host's `/bin/sh`, so that scripts of such images get the shell they were written for. */
export function shellInPlace(image: ResolvedImage): { source: string; path: string }[] {
  const ash = image.kind === 'host' && image.shell === 'ash' ? ashOf() : undefined;
  const path = replaceableShell();
  return ash && path ? [{ source: ash.program, path }] : [];
}

/** The file behind `/bin/sh` where something else can stand in its place: it must not be a shell that is used by name. */
function replaceableShell(): string | undefined {
  try {
    const path = realpathSync('/bin/sh');
    return ['dash', 'sh', 'ash'].includes(basename(path)) ? path : undefined;
  } catch {
    return undefined;
  }
}

function findProgram(name: string, path: string): string | undefined {
  for (const directory of [...path.split(delimiter), '/usr/bin', '/bin', '/usr/local/bin']) {
    const file = join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      return realpathSync(file);
    } catch {
      // Not there; the next directory may have it.
    }
  }
  return undefined;
}
