import { dirname } from 'node:path';

/** One operation that builds a container's root, in order. */
export type RootOperation =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'bind'; readonly source: string; readonly path: string; readonly readOnly: boolean }
  | { readonly kind: 'tmpfs'; readonly path: string };

export interface RootEntry {
  readonly name: string;
  readonly kind: 'directory' | 'file' | 'link';
  readonly target?: string;
}

export interface RootInput {
  /** The directory that gives the root its files. */
  readonly base: string;
  /** Reads one directory of the base; [] where there is none. */
  readonly list: (path: string) => readonly RootEntry[];
  /** Which top-level names of the base are shown; absent: all. */
  readonly shown?: ReadonlySet<string>;
  readonly mounts: readonly { hostPath: string; mountPath: string; readOnly: boolean; file?: boolean }[];
}

/**
 * A root made of a tmpfs with the base's directories bound into it, read-only, and mounts on top. A base directory
 * that a mount lies in is opened up: its entries are bound one by one, so that no mount point need exist in the base.
 */
export function planRoot({ base, list, shown, mounts }: RootInput): RootOperation[] {
  const operations: RootOperation[] = [];
  const made = new Set<string>(['/']);
  const links = new Set<string>();
  const inside = (path: string) => mounts.some((mount) => mount.mountPath.startsWith(`${path}/`));
  const exact = (path: string) => mounts.some((mount) => mount.mountPath === path);
  const open = (directory: string) => {
    for (const entry of list(`${base}${directory}`)) {
      const path = `${directory}/${entry.name}`.replace('//', '/');
      if (directory === '/' && shown && !shown.has(entry.name)) continue;
      if (exact(path)) continue;
      if (entry.kind === 'link') {
        operations.push({ kind: 'link', path, target: entry.target ?? '' });
        links.add(path);
      } else if (entry.kind === 'file') {
        operations.push({ kind: 'file', path });
        operations.push({ kind: 'bind', source: `${base}${path}`, path, readOnly: true });
      } else {
        operations.push({ kind: 'directory', path });
        made.add(path);
        if (inside(path)) open(path);
        else operations.push({ kind: 'bind', source: `${base}${path}`, path, readOnly: true });
      }
    }
  };
  open('/');
  const make = (path: string) => {
    if (made.has(path) || links.has(path)) return;
    make(dirname(path));
    operations.push({ kind: 'directory', path });
    made.add(path);
  };
  for (const mount of [...mounts].sort((a, b) => a.mountPath.length - b.mountPath.length)) {
    const under = mounts.some(
      (other) => other !== mount && mount.mountPath.startsWith(`${other.mountPath}/`),
    );
    if (mount.file) {
      make(dirname(mount.mountPath));
      operations.push({ kind: 'file', path: mount.mountPath });
    } else if (!under) make(mount.mountPath);
    else operations.push({ kind: 'directory', path: mount.mountPath });
    operations.push({
      kind: 'bind',
      source: mount.hostPath,
      path: mount.mountPath,
      readOnly: mount.readOnly,
    });
  }
  return operations;
}
