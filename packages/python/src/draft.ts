import { invalid, type Location } from '@tagboat/base';
import type { InstallerOption, LocalProject, RequirementLine, Requirements } from './types.ts';

/** Something that a file asks for and pip cannot give. */
export interface Problem {
  readonly what: string;
  readonly source: Location;
}

/** Requirements while their files are being read. */
export interface Draft {
  readonly directory: string;
  pythonRequires?: Requirements['pythonRequires'];
  readonly lines: RequirementLine[];
  readonly constraints: RequirementLine[];
  readonly options: InstallerOption[];
  readonly projects: LocalProject[];
  readonly files: string[];
  readonly problems: Problem[];
}

export function emptyDraft(directory: string): Draft {
  return {
    directory,
    lines: [],
    constraints: [],
    options: [],
    projects: [],
    files: [],
    problems: [],
  };
}

/** @throws one `Invalid` that lists everything in the files that pip cannot give. */
export function finishDraft(draft: Draft, file: string): Requirements {
  const { problems, ...requirements } = draft;
  const first = problems[0];
  if (first) {
    const list = problems
      .map(({ what, source }) => `\n  ${source.file}:${source.line ?? 1}: ${what}`)
      .join('');
    throw invalid(`${file} asks for what pip cannot give:${list}`, {
      location: first.source,
      hint: 'name packages of PyPI instead, or put what is needed into a requirements.txt',
    });
  }
  return { ...requirements, file };
}

/** The 1-based line of an offset in a text. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, Math.max(0, offset)).split('\n').length;
}

/** The line of the first match at or after an offset; the line of the offset itself when there is none. */
export function lineOfMatch(text: string, pattern: RegExp, from = 0): number {
  const found = text.slice(from).search(pattern);
  return lineAt(text, found < 0 ? from : from + found);
}

/** A text made safe for use inside a regular expression. */
export function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
