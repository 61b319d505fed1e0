import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Pod } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import type { ResolvedImage } from './images.ts';
import { resolveInside } from './skeleton.ts';

/** Whom a container runs as. */
export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/**
 * The user of a container: what the pod asks for, else what the image says; undefined where neither does.
 * @throws `CreateContainerConfigError` for a user that the image does not know, or root where that is ruled out
 */
export async function userOf(
  container: Container,
  pod: Pod,
  image: ResolvedImage,
): Promise<ContainerUser | undefined> {
  const own = container.securityContext;
  const shared = pod.spec?.securityContext;
  const declared =
    image.kind === 'rootfs' ? await imageUser(image.config.User ?? '', image.directory) : undefined;
  const uid = own?.runAsUser ?? shared?.runAsUser ?? declared?.uid;
  const gid = own?.runAsGroup ?? shared?.runAsGroup ?? declared?.gid;
  const groups = [
    ...(shared?.supplementalGroups ?? []),
    ...(shared?.fsGroup === undefined ? [] : [shared.fsGroup]),
  ];
  if ((own?.runAsNonRoot ?? shared?.runAsNonRoot) && (uid ?? 0) === 0)
    throw configError(
      uid === undefined
        ? `container has runAsNonRoot and image will run as root (container "${container.name}")`
        : `container's runAsUser breaks non-root policy (container "${container.name}")`,
    );
  if (uid === undefined && gid === undefined && groups.length === 0) return undefined;
  return { uid: uid ?? 0, gid: gid ?? 0, groups };
}

/** An image's `User` (OCI image spec, config.md): `user`, `uid`, `user:group`, `uid:gid`, `uid:group`, `user:gid`. */
async function imageUser(text: string, root: string): Promise<{ uid: number; gid: number } | undefined> {
  if (text === '') return undefined;
  const [user = '', group] = text.split(':');
  const entry = await lookUp(root, '/etc/passwd', user);
  const uid = /^\d+$/.test(user) ? Number(user) : Number(entry?.[2] ?? Number.NaN);
  if (Number.isNaN(uid)) throw configError(`the image's user "${user}" is not in its /etc/passwd`);
  if (group === undefined || group === '') return { uid, gid: Number(entry?.[3] ?? 0) };
  const gid = /^\d+$/.test(group)
    ? Number(group)
    : Number((await lookUp(root, '/etc/group', group))?.[2] ?? Number.NaN);
  if (Number.isNaN(gid)) throw configError(`the image's group "${group}" is not in its /etc/group`);
  return { uid, gid };
}

/** The home that an image has for a user, by its number; `/` where it has none, as container engines say. */
export async function homeIn(root: string, uid: number): Promise<string> {
  return (await lookUp(root, '/etc/passwd', String(uid)))?.[5] || '/';
}

async function lookUp(root: string, file: string, name: string): Promise<string[] | undefined> {
  // The image's files are somebody else's: a link may lead anywhere.
  return passwdEntry(await readFile(join(root, resolveInside(root, file)), 'utf8').catch(() => ''), name);
}

/** The fields of the line of a passwd(5) or group(5) that has this name or number. */
export const passwdEntry = (text: string, name: string): string[] | undefined =>
  text
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[0] === name || (fields.length > 2 && fields[2] === name));

function configError(message: string): TagboatError {
  return new TagboatError(message, { reason: 'CreateContainerConfigError', retryable: false });
}
