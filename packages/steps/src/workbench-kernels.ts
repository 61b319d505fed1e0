import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runChecked } from '@tagboat/process';
import type { Environment } from '@tagboat/python';
import { basePythonOf } from './environment-python.ts';
import type { KernelEnvironment } from './workbench-environments.ts';

interface Kernels {
  readonly kernels: readonly KernelEnvironment[];
  readonly home: string;
  /** Where files of this start go. */
  readonly own: string;
  /** Gives the personal environments their pip. */
  readonly server: Environment;
}

/**
 * Writes a kernelspec per environment. A kernel runs in a personal environment on top of the managed one, which is
 * shared and never changes: `pip install` in a notebook or terminal goes to the user's own files.
 * @returns the programs of the first kernel's environment, for terminals
 */
export async function writeKernels({ kernels, home, own, server }: Kernels): Promise<string> {
  let first = '';
  for (const { name, label, environment, variables } of kernels) {
    const personal = join(home, '.local/share/tagboat/environments', environment.key.slice(0, 12));
    await makePersonal({ environment, personal, server });
    for (const path of Object.values(variables)) await mkdir(dirname(path), { recursive: true });
    const directory = join(own, 'jupyter/kernels', name);
    await mkdir(directory, { recursive: true });
    const spec = {
      argv: [join(personal, 'bin/python'), '-m', 'ipykernel_launcher', '-f', '{connection_file}'],
      display_name: `Python ${environment.interpreter.version.split('.').slice(0, 2).join('.')} (${label})`,
      language: 'python',
      metadata: { debugger: true },
      env: { ...variables, PYTHONHASHSEED: '0' },
    };
    await writeFile(join(directory, 'kernel.json'), JSON.stringify(spec, undefined, 1));
    first ||= join(personal, 'bin');
  }
  return first;
}

async function makePersonal(input: {
  environment: Environment;
  personal: string;
  server: Environment;
}): Promise<void> {
  const { environment, personal, server } = input;
  const base = await basePythonOf(environment.directory);
  const complete = join(personal, '.complete');
  const managed = await sitePackages(environment.directory);
  // Where the managed environment stands may differ from the last start, so this is written each time.
  const hook = `import site; site.addsitedir(${JSON.stringify(managed)})\n`;
  if (existsSync(complete) && (await readFile(complete, 'utf8')) === base) {
    await writeFile(join(await sitePackages(personal), 'tagboat_managed.pth'), hook);
    return;
  }
  await rm(personal, { recursive: true, force: true });
  await mkdir(dirname(personal), { recursive: true });
  await runChecked(base, ['-m', 'venv', '--without-pip', personal]);
  const target = await sitePackages(personal);
  await writeFile(join(target, 'tagboat_managed.pth'), hook);
  const source = await sitePackages(server.directory);
  for (const name of await readdir(source))
    if (name === 'pip' || /^pip-.*\.dist-info$/.test(name))
      await cp(join(source, name), join(target, name), { recursive: true });
  const pip = `#!/bin/sh\nexec ${join(personal, 'bin/python')} -m pip "$@"\n`;
  for (const name of ['pip', 'pip3']) await writeFile(join(personal, 'bin', name), pip, { mode: 0o755 });
  await writeFile(complete, base);
}

async function sitePackages(environment: string): Promise<string> {
  const names = await readdir(join(environment, 'lib'));
  const python = names.find((name) => name.startsWith('python')) ?? 'python3';
  return join(environment, 'lib', python, 'site-packages');
}
