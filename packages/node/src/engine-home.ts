import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import type Dockerode from 'dockerode';
import { extract, type Pack, pack } from 'tar-stream';
import { passwdEntry } from './container-user.ts';
import type { ContainerRequest } from './driver.ts';

/** Puts files into the home of a container that an engine has made and not started. */
export async function giveHomeFiles(
  container: Dockerode.Container,
  { environment, homeFiles }: { environment: ContainerRequest['environment']; homeFiles: string },
): Promise<void> {
  const { Config } = await container.inspect();
  const [who = '', group = ''] = (Config.User || '0').split(':');
  const entry = passwdEntry(await fileIn(container, '/etc/passwd'), who);
  const home = environment.HOME ?? (entry?.[5] || '/');
  const number = (text: string, known: string | undefined) =>
    Number(/^\d+$/.test(text) ? text : (known ?? '0'));
  const owner = { uid: number(who, entry?.[2]), gid: number(group, entry?.[3]) };
  const archive = pack();
  const [bytes] = await Promise.all([
    buffer(archive),
    addTree(archive, { from: homeFiles, to: home.replace(/^\/+/, ''), owner }).then(() => archive.finalize()),
  ]);
  await container.putArchive(bytes, { path: '/' });
}

interface Tree {
  readonly from: string;
  /** Relative to the container's root. */
  readonly to: string;
  readonly owner: { readonly uid: number; readonly gid: number };
}

async function addTree(archive: Pack, { from, to, owner }: Tree): Promise<void> {
  for (const name of await readdir(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    const found = await lstat(source);
    const header = { name: target, mode: found.mode & 0o777, ...owner };
    if (found.isDirectory()) {
      archive.entry({ ...header, type: 'directory' });
      await addTree(archive, { from: source, to: target, owner });
    } else if (found.isFile()) archive.entry(header, await readFile(source));
  }
}

/** The text of a file in a container; '' where there is none. */
async function fileIn(container: Dockerode.Container, path: string): Promise<string> {
  let archive: NodeJS.ReadableStream;
  try {
    archive = await container.getArchive({ path });
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return '';
    throw error;
  }
  const reader = extract();
  archive.on('error', (error) => reader.destroy(error)).pipe(reader);
  for await (const entry of reader) return text(entry);
  return '';
}
