import { invalid, type Location } from '@tagboat/base';
import type { RequirementLine } from './types.ts';

/** A name as indexes compare them (PEP 503): lower case, runs of `-`, `_` and `.` as one dash. */
export function normalizeName(name: string): string {
  return name.replace(/[-_.]+/g, '-').toLowerCase();
}

/** The names in `[a,b]`. */
export const extrasOf = (text: string): string[] =>
  (/\[([^\]]*)\]/.exec(text)?.[1] ?? '').split(',').flatMap((name) => name.trim() || []);

export interface ParsedRequirement {
  readonly name: string;
  /** `[a,b]`, or empty. */
  readonly extras: string;
  /** `>=1,<2`, `@ https://...`, or empty. */
  readonly specifier: string;
  /** What stands after the `;`, or empty. */
  readonly marker: string;
}

const namePattern = /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?\s*/;
const clause = String.raw`(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9._+!*-]+`;
const specifierPattern = new RegExp(String.raw`^\(?\s*${clause}(?:\s*,\s*${clause})*\s*,?\s*\)?$`);

function splitMarker(rest: string): [string, string] {
  // In a URL only a semicolon after a space starts the marker (PEP 508).
  const at = rest.startsWith('@') ? rest.search(/\s;/) : rest.indexOf(';');
  if (at < 0) return [rest.trim(), ''];
  return [rest.slice(0, at).trim(), rest.slice(at).replace(/^\s*;/, '').trim()];
}

/**
 * Takes a PEP 508 requirement apart; versions and markers are left to the installer.
 * @throws `Invalid`, at `source`, for anything else.
 */
export function parseRequirement(text: string, source: Location): ParsedRequirement {
  const head = namePattern.exec(text.trim());
  const [specifier, marker] = splitMarker(text.trim().slice(head?.[0].length ?? 0));
  const url = specifier.startsWith('@') && specifier.slice(1).trim() !== '';
  if (!head || !(specifier === '' || url || specifierPattern.test(specifier)))
    throw invalid(`expected a requirement such as "numpy>=1.24", found "${text.trim().slice(0, 120)}"`, {
      location: source,
      hint: 'the form is NAME[EXTRA] VERSION ; MARKER (PEP 508)',
    });
  return { name: head[1]!, extras: head[2] ?? '', specifier: specifier.replace(/^\(|\)$/g, ''), marker };
}

/** A requirement written out: `name[extra]>=1 ; marker`. */
export function formatRequirement(parts: ParsedRequirement): string {
  const separator = parts.specifier.startsWith('@') ? ' ' : '';
  const head = `${parts.name}${parts.extras}${separator}${parts.specifier}`;
  return parts.marker === '' ? head : `${head} ; ${parts.marker}`;
}

/** One requirement line out of its text. @throws `Invalid` at `source`. */
export function requirementLine(
  text: string,
  source: Location,
  hashes: readonly string[] = [],
): RequirementLine {
  // Installers read requirements as lines: what follows a break would be another one, or an option.
  if (/[\r\n]/.test(text.trim()))
    throw invalid(`expected a requirement in one line, found ${JSON.stringify(text.trim().slice(0, 120))}`, {
      location: source,
    });
  for (const hash of hashes)
    if (!/^\w+[:=][0-9a-f]+$/i.test(hash))
      throw invalid(`expected a hash such as sha256:..., found ${JSON.stringify(hash.slice(0, 80))}`, {
        location: source,
      });
  const parts = parseRequirement(text, source);
  return { requirement: formatRequirement(parts), name: normalizeName(parts.name), hashes, source };
}
