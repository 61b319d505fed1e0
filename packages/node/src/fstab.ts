import { join } from 'node:path';
import { isFile } from './host-mounts.ts';

/*
 * Lines of fstab(5).
 */

export function bindLine(
  { source, path, readOnly }: { source: string; path: string; readOnly: boolean },
  root: string,
): string {
  // A mount below another one finds its mount point only there.
  const options = `${readOnly ? 'rbind,ro' : 'rbind,rw'}${isFile(source) ? '' : ',X-mount.mkdir'}`;
  return `${quoted(source)} ${quoted(join(root, path))} none ${options} 0 0`;
}

export function overlayLine(
  root: string,
  { lower, upper, work }: { lower: string; upper: string; work: string },
): string {
  const escaped = (path: string) => quoted(path.replace(/[\\:,]/g, '\\$&'));
  const layers = `lowerdir=${escaped(lower)},upperdir=${escaped(upper)},workdir=${escaped(work)}`;
  return `overlay ${quoted(root)} overlay ${layers} 0 0`;
}

/** A path as a field. */
export const quoted = (path: string) =>
  path.replaceAll('\\', '\\134').replaceAll(' ', '\\040').replaceAll('\t', '\\011').replaceAll('\n', '\\012');
