import { existsSync } from 'node:fs';
import { chmod, chown, copyFile, mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runChecked } from '../run.ts';

const programs = [
  'sh',
  'cat',
  'id',
  'ls',
  'grep',
  'sleep',
  'echo',
  'mkdir',
  'touch',
  'test',
  'head',
  'dd',
  'seq',
];

/** A small image's files, made of this host's own programs and their libraries; links as Debian's images have them. */
export async function imageRoot(root: string): Promise<string> {
  if (existsSync(root)) return root;
  for (const path of ['bin', 'etc', 'run', 'srv', 'tmp', 'var', 'proc', 'dev'])
    await mkdir(join(root, path), { recursive: true });
  await symlink('/run', join(root, 'var/run'));
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\nworker:x:1234:5678::/srv:/bin/sh\n');
  await writeFile(join(root, 'srv/file'), 'original\n');
  await chmod(join(root, 'srv/file'), 0o666);
  await chown(join(root, 'srv'), 1234, 5678).catch(() => undefined);
  const { stdout } = await runChecked('/bin/sh', [
    '-c',
    `for name in ${programs.join(' ')}; do command -v "/bin/$name"; done`,
  ]);
  for (const path of stdout.toString('utf8').trim().split('\n')) {
    await copyFile(await realpath(path), join(root, 'bin', path.split('/').at(-1)!));
    const linked = await runChecked('ldd', [path]);
    for (const library of linked.stdout.toString('utf8').matchAll(/(\/\S+) \(0x/g)) {
      const target = join(root, library[1]!);
      await mkdir(dirname(target), { recursive: true });
      await copyFile(await realpath(library[1]!), target);
    }
  }
  return root;
}
