import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { TagboatError } from '@tagboat/base';
import { runCommand } from '@tagboat/process';

export interface Module {
  /** The file. */
  readonly source: string;
  /** Where it is in the directory that Python will import it from. */
  readonly name: string;
}

export interface BytecodeOptions {
  /** The interpreter that compiles, and that the bytecode is for. */
  readonly python: string;
  readonly modules: readonly Module[];
  /** Where the bytecode goes, each below the name of its module. */
  readonly output: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

/** What Python writes for a module depends on what it compiled before: how modules are shared out must not depend on the host. */
const shares = 4;

// A module that does not compile (a template, another Python's syntax) stays without bytecode, as in compileall.
const compileShare = `
import json, os, py_compile, sys
from importlib.util import cache_from_source
for module in json.load(sys.stdin):
    name = module["name"]
    try:
        py_compile.compile(
            module["source"], cfile=os.path.join(sys.argv[1], cache_from_source(name)), dfile=name, doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    except (py_compile.PyCompileError, ValueError, RecursionError):
        pass
`;

/** Modules below a directory that programs may import: all but tests. */
export async function modulesIn(directory: string): Promise<Module[]> {
  const files = await readdir(directory, { recursive: true });
  return files
    .filter((name) => name.endsWith('.py') && !/(^|\/)tests?\//.test(name))
    .map((name) => ({ name, source: join(directory, name) }));
}

/**
 * Compiles modules so that the same modules and interpreter always give the same bytes, wherever they are: the bytecode
 * names no directory of this host, and holds whatever times its modules have (PEP 552, unchecked hash).
 * @throws `EnvironmentFailed` where the interpreter ends or nothing can be written; `Cancelled`
 */
export async function compileBytecode(options: BytecodeOptions): Promise<void> {
  const { python, output, signal } = options;
  const kept = Object.entries(options.env ?? process.env).filter(([name]) => !name.startsWith('PYTHON'));
  const env = { ...Object.fromEntries(kept), PYTHONHASHSEED: '0', PYTHONDONTWRITEBYTECODE: '1' };
  const sorted = [...options.modules].sort((a, b) => (a.name < b.name ? -1 : 1));
  const waiting = Array.from({ length: shares }, (_, share) =>
    sorted.filter((_module, index) => index % shares === share),
  );
  const work = async () => {
    for (let share = waiting.shift(); share; share = waiting.shift()) {
      const { code, stderr } = await runCommand(python, ['-S', '-c', compileShare, output], {
        env,
        stdin: JSON.stringify(share),
        ...(signal ? { signal } : {}),
      });
      if (code !== 0)
        throw new TagboatError(`cannot compile Python modules to bytecode: ${stderr.trim()}`, {
          reason: 'EnvironmentFailed',
        });
    }
  };
  await Promise.all(Array.from({ length: Math.min(shares, availableParallelism()) }, work));
}

/** Whether bytecode that begins so is taken without a look at its module (PEP 552): behind the magic number, the flags 1. */
export function isUncheckedBytecode(head: Uint8Array): boolean {
  return head.length >= 8 && head[4] === 1 && head[5] === 0 && head[6] === 0 && head[7] === 0;
}
