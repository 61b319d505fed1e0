import { randomUUID } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { mkdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  canonicalJson,
  type Digest,
  hexOf,
  markUsed,
  sha256,
  TagboatError,
  writeFileAtomic,
} from '@tagboat/base';
import { directoryEntries, type Layer, type LayerEntry, writeLayer } from '@tagboat/oci';
import { runChecked, runCommand } from '@tagboat/process';
import { compileBytecode } from '@tagboat/python';

export interface CapturedBase {
  readonly layers: readonly Layer[];
  /** Environment that the base needs to work. */
  readonly environment: Readonly<Record<string, string>>;
  /** Absolute path of the interpreter in the image. */
  readonly python: string;
  /** Such as `3.11`. */
  readonly version: string;
}

const describe = `
import json, os, sys, sysconfig
print(json.dumps({
  "version": "%d.%d" % sys.version_info[:2], "full": sys.version,
  "executable": os.path.realpath(sys.executable), "stdlib": sysconfig.get_path("stdlib"),
  "platstdlib": sysconfig.get_path("platstdlib")}))
`;

interface Interpreter {
  readonly version: string;
  readonly full: string;
  readonly executable: string;
  readonly stdlib: string;
  readonly platstdlib: string;
}

const unneeded =
  /(^|\/)(__pycache__|test|tests|idlelib|idle_test|turtledemo|tkinter|ensurepip|lib2to3|site-packages|dist-packages|config-[^/]*|pydoc_data)(\/|$)|\.pyc$|\.a$|_tkinter\.|_test[^/]*\.so$|turtle\.py$/;
// What wheels may expect of every Linux (PEP 599), as far as it is no window system.
const alwaysWanted = [
  'libc.so.6',
  'libm.so.6',
  'libdl.so.2',
  'librt.so.1',
  'libutil.so.1',
  'libpthread.so.0',
  'libstdc++.so.6',
  'libgcc_s.so.1',
  'libgomp.so.1',
  'libz.so.1',
  'libnss_dns.so.2',
  'libnss_files.so.2',
  'libresolv.so.2',
];

/**
 * A base image layer from this host's own Python: interpreter, standard library, and the shared libraries these and
 * common wheels need. The same host gives the same digest.
 * @throws `Unsupported` elsewhere than on Linux
 */
export async function captureHostPython(python: string, cacheDirectory: string): Promise<CapturedBase> {
  if (process.platform !== 'linux')
    throw new TagboatError('a base image can only be made from a host that is Linux', {
      reason: 'Unsupported',
      hint: 'name a base image in tagboat.yaml: image.base, and a registry that has it',
    });
  const found = await describeInterpreter(python, cacheDirectory);
  const interpreter = `usr/local/bin/python${found.version}`;
  const library = `usr/local/lib/python${found.version}`;
  const result = {
    environment: { LD_LIBRARY_PATH: '/usr/local/lib' },
    python: `/${interpreter}`,
    version: found.version,
  };
  const key = sha256(
    canonicalJson({ found, format: 5, os: await readFile('/etc/os-release', 'utf8').catch(() => '') }),
  );
  const cached = await readCached(cacheDirectory, key);
  if (cached) return { layers: [cached], ...result };
  const entries = await pythonEntries(found, library, interpreter);
  const layer = await writeCompiled(cacheDirectory, key, { entries, python });
  return { layers: [layer], ...result };
}

/** What an interpreter says of itself; it is asked once for as long as its file is the same. */
export async function describeInterpreter(python: string, cacheDirectory: string): Promise<Interpreter> {
  // A name without a path is looked up anew each time.
  const path = python.includes('/') ? await realpath(python) : undefined;
  const file = path && (await stat(path));
  const about = file && [path, file.ino, file.size, file.mtimeMs, file.ctimeMs];
  const kept = about && join(cacheDirectory, `python-${hexOf(sha256(canonicalJson(about)))}.json`);
  const known = kept && (await readFile(kept, 'utf8').catch(() => undefined));
  if (known !== undefined) return JSON.parse(known) as Interpreter;
  const { stdout } = await runChecked(python, ['-I', '-c', describe]);
  const text = stdout.toString('utf8');
  if (kept) await writeFileAtomic(kept, text);
  return JSON.parse(text) as Interpreter;
}

async function pythonEntries(
  found: Interpreter,
  library: string,
  interpreter: string,
): Promise<LayerEntry[]> {
  const modules = await directoryEntries(found.stdlib, library, (path) => !unneeded.test(path));
  if (found.platstdlib !== found.stdlib)
    modules.push(...(await directoryEntries(found.platstdlib, library, (path) => !unneeded.test(path))));
  const objects = modules.flatMap((entry) =>
    entry.kind === 'file' && entry.path.endsWith('.so') ? [entry.source as string] : [],
  );
  const shell = ['/bin/dash', '/bin/sh'].find((path) => existsSync(path));
  const libraries = await libraryClosure([found.executable, ...objects, ...(shell ? [shell] : [])]);
  return [
    ...modules,
    { kind: 'file', path: interpreter, source: found.executable, executable: true },
    { kind: 'link', path: 'usr/local/bin/python3', target: `python${found.version}` },
    { kind: 'link', path: 'usr/local/bin/python', target: `python${found.version}` },
    ...sharedObjects(libraries),
    ...(shell
      ? [{ kind: 'file' as const, path: 'usr/bin/sh', source: realpathSync(shell), executable: true }]
      : []),
    ...systemEntries(),
  ];
}

/** The shared libraries that files load, by the path the loader finds them at. */
async function libraryClosure(files: readonly string[]): Promise<Set<string>> {
  const libraries = new Set<string>();
  const { stdout } = await runCommand('ldd', [...files], { env: { ...process.env, LC_ALL: 'C' } });
  for (const [, path] of stdout.toString('utf8').matchAll(/(?:=>\s+|^\s+)(\/[^\s(]+)\s+\(0x/gm))
    libraries.add(path!);
  const known = await runCommand('sh', ['-c', 'PATH="$PATH:/sbin:/usr/sbin" ldconfig -p']).catch(
    () => undefined,
  );
  const lines = known?.stdout.toString('utf8').split('\n') ?? [];
  for (const name of alwaysWanted) {
    const path = lines
      .map((line) => /^\s*(\S+) .*=> (\S+)$/.exec(line))
      .find((match) => match?.[1] === name)?.[2];
    if (path && ![...libraries].some((library) => basename(library) === name)) libraries.add(path);
  }
  return libraries;
}

function sharedObjects(libraries: ReadonlySet<string>): LayerEntry[] {
  return [...libraries].map((path) => {
    const directory = realpathSync(dirname(path));
    const system = /^\/(usr\/)?lib/.test(directory) && !directory.startsWith('/usr/local');
    const place = system ? join(directory, basename(path)) : `/usr/local/lib/${basename(path)}`;
    return { kind: 'file', path: place.slice(1), source: realpathSync(path), executable: true };
  });
}

function systemEntries(): LayerEntry[] {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const certificates = [
    '/etc/ssl/certs/ca-certificates.crt',
    '/etc/pki/tls/certs/ca-bundle.crt',
    '/etc/ssl/cert.pem',
  ].find((path) => existsSync(path));
  const merged = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'].flatMap((name): LayerEntry[] => {
    if (!existsSync(`/${name}`)) return [];
    const target = realpathSync(`/${name}`);
    return target === `/${name}` ? [] : [{ kind: 'link', path: name, target: target.slice(1) }];
  });
  const shell: LayerEntry[] = merged.some(({ path }) => path === 'bin')
    ? []
    : [{ kind: 'link', path: 'bin/sh', target: '../usr/bin/sh' }];
  return [
    ...merged,
    ...shell,
    { kind: 'directory', path: 'tmp', mode: 0o1777 },
    { kind: 'directory', path: 'var/tmp', mode: 0o1777 },
    ...['proc', 'sys', 'dev', 'run', 'home', 'workspace', 'usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64'].map(
      (path): LayerEntry => ({ kind: 'directory', path }),
    ),
    {
      kind: 'file',
      path: 'etc/passwd',
      source: bytes('root:x:0:0:root:/root:/bin/sh\ntagboat:x:1001:0:tagboat:/tmp:/bin/sh\n'),
    },
    { kind: 'file', path: 'etc/group', source: bytes('root:x:0:\n') },
    {
      kind: 'file',
      path: 'etc/nsswitch.conf',
      source: bytes('passwd: files\ngroup: files\nhosts: files dns\n'),
    },
    ...(certificates
      ? [{ kind: 'file' as const, path: 'etc/ssl/certs/ca-certificates.crt', source: certificates }]
      : []),
  ];
}

/** A layer made before from the same inputs. */
export async function readCached(cacheDirectory: string, key: Digest): Promise<Layer | undefined> {
  const layer = await readKnown(cacheDirectory, key);
  return layer && existsSync(layer.path) ? layer : undefined;
}

/** What is remembered of a layer made before from the same inputs; its file may be gone. */
export async function readKnown(cacheDirectory: string, key: Digest): Promise<Layer | undefined> {
  const text = await readFile(join(cacheDirectory, `${hexOf(key)}.json`), 'utf8').catch(() => undefined);
  const path = join(cacheDirectory, `${hexOf(key)}.tar.gz`);
  if (text === undefined) return undefined;
  await markUsed(join(cacheDirectory, `${hexOf(key)}.json`));
  await markUsed(path);
  return { ...(JSON.parse(text) as Layer), path };
}

export const writeKnown = (cacheDirectory: string, key: Digest, layer: Layer): Promise<void> =>
  writeFileAtomic(join(cacheDirectory, `${hexOf(key)}.json`), JSON.stringify(layer));

export async function writeCached(
  cacheDirectory: string,
  key: Digest,
  entries: readonly LayerEntry[],
): Promise<Layer> {
  await mkdir(cacheDirectory, { recursive: true });
  const layer = await writeLayer(entries, join(cacheDirectory, `${hexOf(key)}.tar.gz`));
  await writeKnown(cacheDirectory, key, layer);
  return layer;
}

/** `writeCached` with the bytecode of the entries' modules: images run where Python may not write its own. */
export async function writeCompiled(
  cacheDirectory: string,
  key: Digest,
  { entries, python }: { readonly entries: readonly LayerEntry[]; readonly python: string },
): Promise<Layer> {
  const modules = entries.flatMap((entry) =>
    entry.kind === 'file' && entry.path.endsWith('.py') && typeof entry.source === 'string'
      ? [{ name: entry.path, source: entry.source }]
      : [],
  );
  const output = join(cacheDirectory, `.bytecode.${randomUUID()}`);
  await mkdir(output, { recursive: true });
  try {
    await compileBytecode({ python, modules, output });
    return await writeCached(cacheDirectory, key, [...entries, ...(await directoryEntries(output, ''))]);
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}
