import { TagboatError } from '@tagboat/base';
import { normalizeName } from './pep508.ts';
import type { Requirements } from './types.ts';

/** uv's words about what went wrong, as an error that names the package and where it is asked for. */
export function explainUv(stderr: string, requirements: Requirements): TagboatError {
  const text = stderr.replace(/\s+/g, ' ');
  const named =
    /Because ([\w.-]+) was not found/i.exec(text)?.[1] ??
    /there (?:is|are) no version(?:s)? of ([\w.-]+?)(?:[=<>!~ ]|$)/i.exec(text)?.[1] ??
    /(?:Failed to (?:fetch|build|download)|Failed to prepare distributions?):? `?([\w.-]+)/i.exec(text)?.[1];
  const line = named && requirements.lines.find(({ name }) => name === normalizeName(named));
  const location = line ? { location: line.source } : {};
  if (
    /was not found in the package registry|not found in the provided package locations/i.test(text) &&
    named
  )
    return new TagboatError(`the package "${named}" is not on the package index`, {
      reason: 'PackageNotFound',
      retryable: false,
      hint: 'check its spelling, or the index it comes from',
      ...location,
    });
  if (
    /dns error|error sending request|Connection refused|Could not connect|network|timed out|offline/i.test(
      text,
    )
  ) {
    const url = /https?:\/\/[^\s`)]+/.exec(text)?.[0]?.replace(/\/\/[^/@]*@/, '//');
    return new TagboatError(
      `${named ? `the package "${named}" cannot be fetched` : 'packages cannot be fetched'}: no connection to ${url ?? 'the package index'}`,
      {
        reason: 'NetworkUnavailable',
        hint: 'check the network, the proxy and PIP_INDEX_URL',
        ...location,
      },
    );
  }
  const summary = /(?:╰─▶|error:)\s*(.*)$/s.exec(text)?.[1] ?? text;
  return new TagboatError(`the requirements cannot be met: ${summary.trim().slice(0, 600)}`, {
    reason: 'UnsatisfiableRequirements',
    retryable: false,
    location: line ? line.source : { file: requirements.file },
  });
}
