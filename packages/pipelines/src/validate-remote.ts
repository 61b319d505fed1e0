import type { Reference } from '@tagboat/api';
import type { Path, Problems } from './problems.ts';

const part =
  "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const looksLikeUrl = /[\w-]+:\/+/;

/** What Tekton's admission refuses of a reference to a Task, Pipeline or StepAction (its `validateRef`). */
export function validateReference(problems: Problems, path: Path, reference: Reference): void {
  const { name, resolver, params } = reference;
  if ('bundle' in reference) problems.add([...path, 'bundle'], 'must not set the field(s)');
  if (!name && !resolver && !params) {
    if (!problems.limits.resolver) problems.missing([...path, 'name']);
    return;
  }
  if (params) validateParams(problems, path, reference);
  if (!name) return;
  if (looksLikeUrl.test(name))
    problems.add(
      path,
      'feature flag enable-concise-resolver-syntax should be set to true to use concise resolver syntax',
    );
  else if (resolver) problems.invalid([...path, 'name'], 'invalid URI for request');
  else if (!isQualifiedName(name))
    problems.invalid(
      [...path, 'name'],
      `name part must consist of ${part} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    );
}

function validateParams(problems: Problems, path: Path, { name, resolver, params = [] }: Reference): void {
  if (name) problems.add([...path, 'name'], 'expected exactly one, got both: name, params');
  if (!resolver) problems.missing([...path, 'resolver']);
  problems.duplicates(
    [...path, 'params'],
    params.map((param) => param.name?.toLowerCase()),
  );
}

/** A name of Kubernetes with or without the domain that it belongs to. */
function isQualifiedName(text: string): boolean {
  const [, domain, name = ''] = /^(?:([^/]*)\/)?([^/]*)$/.exec(text) ?? [];
  const fits = /^([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/.test(name);
  return fits && (domain === undefined || /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(domain));
}
