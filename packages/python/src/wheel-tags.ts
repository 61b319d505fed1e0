import { compareVersions } from './specifiers.ts';
import type { Interpreter } from './types.ts';

function linuxFits(tag: string, machine: string, libc: string): boolean {
  const match = /^(manylinux|musllinux)_(\d+)_(\d+)_(.+)$/.exec(tag);
  const legacy = /^(?:manylinux(?:1|2010|2014)|linux)_(.+)$/.exec(tag);
  const musl = libc.startsWith('musl');
  if (legacy) return legacy[1] === machine && (!musl || tag.startsWith('linux_'));
  if (!match || match[4] !== machine || (match[1] === 'musllinux') !== musl) return false;
  const version = /\d+\.\d+/.exec(libc)?.[0];
  return version === undefined || compareVersions(`${match[2]}.${match[3]}`, version) <= 0;
}

function platformFits(tag: string, { platform, libc }: Interpreter): boolean {
  if (tag === 'any') return true;
  const [system, ...rest] = platform.split('-');
  const machine = rest.at(-1) ?? '';
  if (system === 'linux') return linuxFits(tag, machine, libc);
  if (system === 'macosx') return new RegExp(`^macosx_.*_(${machine}|universal2)$`).test(tag);
  return tag === platform.replace(/[-.]/g, '_');
}

function pythonFits(python: string, abi: string, interpreter: Interpreter): boolean {
  const [major, minor] = interpreter.version.split('.');
  if (python === 'py3' || python === `py${major}${minor}`) return true;
  const match = /^cp3(\d+)$/.exec(python);
  if (!match || interpreter.implementation !== 'cpython') return false;
  return abi === 'abi3' ? Number(match[1]) <= Number(minor) : match[1] === minor && !abi.endsWith('t');
}

/**
 * Whether a wheel's name says that it can be installed for the interpreter (the tags of the "platform compatibility"
 * specification, without the order of preference).
 */
export function wheelFits(filename: string, interpreter: Interpreter): boolean {
  const parts = filename.replace(/\.whl$/, '').split('-');
  if (!filename.endsWith('.whl') || parts.length < 5) return false;
  const [pythons, abis, platforms] = parts.slice(-3).map((part) => part.split('.')) as [
    string[],
    string[],
    string[],
  ];
  return (
    pythons.some((python) => abis.some((abi) => pythonFits(python, abi, interpreter))) &&
    platforms.some((tag) => platformFits(tag, interpreter))
  );
}
