import { readFile, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { invalid, type Location } from '@tagboat/base';
import type { Draft } from './draft.ts';
import { addLocalProject, isLocalPath } from './local-project.ts';
import { requirementLine } from './pep508.ts';
import type { InstallerOption } from './types.ts';

const valued: Record<string, InstallerOption['name']> = {
  '-i': 'index-url',
  '--index-url': 'index-url',
  '--pypi-url': 'index-url',
  '--extra-index-url': 'extra-index-url',
  '-f': 'find-links',
  '--find-links': 'find-links',
  '--trusted-host': 'trusted-host',
  '--no-binary': 'no-binary',
  '--only-binary': 'only-binary',
};
const flags: Record<string, InstallerOption['name']> = { '--no-index': 'no-index', '--pre': 'pre' };
/** They change how pip works, not what is installed. */
const ignored = new Set([
  '--prefer-binary',
  '--require-hashes',
  '--use-pep517',
  '--no-use-pep517',
  '--no-cache-dir',
]);
const ignoredValued = new Set(['--use-feature', '--progress-bar', '--global-option', '--config-settings']);

interface LogicalLine {
  readonly text: string;
  readonly line: number;
}

/** Lines as pip sees them: continued by a backslash, without comments and blank ones. */
export function logicalLines(content: string): LogicalLine[] {
  const result: LogicalLine[] = [];
  let pending: LogicalLine | undefined;
  for (const [index, raw] of content
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const comment = /^\s*#/.test(raw);
    const text = raw.replace(/(^|\s)#.*$/, '').trimEnd();
    const start: LogicalLine = pending ?? { text: '', line: index + 1 };
    const continued = !comment && text.endsWith('\\');
    const joined = { line: start.line, text: start.text + (continued ? `${text.slice(0, -1)} ` : text) };
    pending = continued ? joined : undefined;
    if (!continued && joined.text.trim() !== '') result.push({ ...joined, text: joined.text.trim() });
  }
  if (pending && pending.text.trim() !== '') result.push({ ...pending, text: pending.text.trim() });
  return result;
}

interface Reading {
  readonly draft: Draft;
  readonly file: string;
  readonly constraint: boolean;
  /** The files that led here, to end circles. */
  readonly chain: readonly string[];
}

async function confined(directory: string, file: string, source: Location | undefined): Promise<string> {
  const root = await realpath(directory);
  const outside = (path: string) => {
    const inside = relative(root, path);
    return inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside);
  };
  const wanted = resolve(root, file);
  const real = await realpath(wanted).catch(() => wanted);
  if (outside(wanted) || outside(real))
    throw invalid(`"${file}" is outside the directory of the requirements`, {
      location: source,
      hint: 'only files of the same repository can be included',
    });
  return real;
}

/** Reads a file of the directory as text. @throws `Invalid` when it is not there or lies outside. */
export async function readConfined(directory: string, file: string, source?: Location): Promise<string> {
  const path = await confined(directory, file, source);
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw invalid(`cannot read "${file}": ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`, {
      location: source ?? { file },
      hint: 'the path is relative to the file that names it',
      cause: error,
    });
  }
}

/** Splits `--option=value`, `--option value` and `-rvalue`. */
function splitOption(text: string): [string, string] {
  const long = /^(--[a-z0-9-]+)(?:\s*=\s*|\s+|$)(.*)$/.exec(text);
  if (long) return [long[1]!, long[2]!.trim()];
  return [text.slice(0, 2), text.slice(2).replace(/^=/, '').trim()];
}

function splitHashes(text: string): { text: string; hashes: string[] } {
  const hashes = [...text.matchAll(/--hash[=\s]+(\S+)/g)].map((match) => match[1]!);
  const rest = text
    .replace(/\s--hash[=\s]+\S+/g, '')
    .replace(/\s--(config-settings|global-option|install-option|config-setting)[=\s]+\S+/g, '');
  return { text: rest.trim(), hashes };
}

async function include(
  reading: Reading,
  target: string,
  constraint: boolean,
  source: Location,
): Promise<void> {
  if (/^[a-z]+:\/\//i.test(target))
    throw invalid(`expected a file of the repository, found "${target}"`, {
      location: source,
      hint: 'copy the file into the repository: what it says must be under version control',
    });
  const file = join(dirname(reading.file), target);
  if (reading.chain.includes(file)) return;
  const chain = [...reading.chain, file];
  await readRequirementsFile(
    { draft: reading.draft, file, constraint: constraint || reading.constraint, chain },
    source,
  );
}

async function readOption(reading: Reading, text: string, source: Location): Promise<void> {
  const [option, value] = splitOption(text);
  const { draft } = reading;
  if (option === '-r' || option === '--requirement') return include(reading, value, false, source);
  if (option === '-c' || option === '--constraint') return include(reading, value, true, source);
  if (option === '-e' || option === '--editable') return readEntry(reading, value, source);
  if (flags[option]) {
    draft.options.push({ name: flags[option], value: '', source });
  } else if (valued[option]) {
    if (value === '') throw invalid(`expected a value after ${option}`, { location: source });
    draft.options.push({ name: valued[option], value, source });
  } else if (!ignored.has(option) && !ignoredValued.has(option))
    throw invalid(`unknown option ${option} in a requirements file`, {
      location: source,
      hint: 'see "Requirements File Format" in the documentation of pip',
    });
}

/** `git+https://...#egg=name` in the form of PEP 508, `name @ git+https://...`. */
function namedUrl(text: string, source: Location): string {
  const [url, marker] = text.split(/\s+;\s*/, 2) as [string, string | undefined];
  const name =
    /[#&]egg=([A-Za-z0-9._-]+(?:\[[^\]]*\])?)/.exec(url)?.[1] ??
    /\/([A-Za-z0-9._]+)-\d[^/]*\.(?:whl|tar\.gz|zip)(?:#.*)?$/.exec(url)?.[1] ??
    /\/([A-Za-z0-9._-]+?)(?:\.git)?(?:@[^/]*)?\/?(?:#.*)?$/.exec(url)?.[1];
  if (!name)
    throw invalid(`cannot tell which package "${text}" is`, {
      location: source,
      hint: 'write "NAME @ URL"',
    });
  const bare = url
    .replace(/#egg=[^&]*&?/, '#')
    .replace(/&egg=[^&]*/, '')
    .replace(/#$/, '');
  return `${name} @ ${bare}${marker ? ` ; ${marker}` : ''}`;
}

async function readEntry(reading: Reading, entry: string, source: Location): Promise<void> {
  const { text, hashes } = splitHashes(entry);
  const isUrl = /^(?:[a-z]+\+)?(?:https?|ssh|git):\/\//i.test(text);
  if (!isUrl && isLocalPath(text)) return addLocalProject(reading.draft, text, source);
  const named = requirementLine(isUrl ? namedUrl(text, source) : text, source, hashes);
  // What a repository is called says little of the package in it: the installer looks. Constraints must name theirs.
  const isUnnamed = isUrl && /^[a-z]+\+/i.test(text) && !/[#&]egg=/.test(text) && !reading.constraint;
  const line = isUnnamed ? { ...named, requirement: text } : named;
  (reading.constraint ? reading.draft.constraints : reading.draft.lines).push(line);
}

/** Reads one entry, as in a requirements file, from some other file (`pip:` of an environment.yml). */
export async function readRequirementsText(draft: Draft, text: string, source: Location): Promise<void> {
  const reading: Reading = { draft, file: source.file, constraint: false, chain: [source.file] };
  const entry = text.trim();
  await (entry.startsWith('-') ? readOption(reading, entry, source) : readEntry(reading, entry, source));
}

/** Reads a requirements file and what it includes into the draft (pip's "Requirements File Format"). */
export async function readRequirementsFile(reading: Reading, from?: Location): Promise<void> {
  const { draft, file } = reading;
  const content = await readConfined(draft.directory, file, from);
  if (!draft.files.includes(file)) draft.files.push(file);
  for (const { text, line } of logicalLines(content)) {
    const source = { file, line };
    await (text.startsWith('-') ? readOption(reading, text, source) : readEntry(reading, text, source));
  }
}
