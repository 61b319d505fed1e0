import type { PlainSecretReference, RepositoryParameter } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import type { TriggerEvent } from '../trigger-event.ts';
import { evaluateValue } from './expressions.ts';
import { variablesOf } from './variables.ts';

export interface Parameters {
  readonly values: Readonly<Record<string, string>>;
  /** The Secrets that some of them are values of. */
  readonly secrets: readonly PlainSecretReference[];
  /** Which of them were left out, and why. */
  readonly notices: readonly string[];
}

/** The value behind a reference to a Secret of the project. @throws `Invalid` that names the Secret */
export type ReadSecret = (reference: PlainSecretReference) => Promise<string>;

/**
 * The variables that a repository's `spec.params` add, as Pipelines-as-Code reads them: `value` before `secret_ref`, the
 * first whose `filter` holds, of several without one the last. A comment or request may set those, and the plain
 * variables. Nothing of a Secret goes to code from outside the project.
 * @throws `Invalid` for filters that cannot be evaluated and Secrets that are not there
 */
export async function customParameters(
  event: TriggerEvent,
  parameters: readonly RepositoryParameter[],
  readSecret: ReadSecret,
): Promise<Parameters> {
  const standard = variablesOf(event);
  const given = event.comment ? keyValueArguments(event.comment.body) : {};
  const values: Record<string, string> = {};
  const secrets: PlainSecretReference[] = [];
  const notices: string[] = [];
  for (const [index, { name }] of parameters.entries())
    if (!name) notices.push(`spec.params[${index}] of the repository has no name`);
  for (const [name, parameter] of chosen(parameters, { event, standard })) {
    const { value, secret_ref: secret } = parameter;
    if (value) values[name] = value;
    else if (name in given && !(name in standard)) values[name] = '';
    else if (secret && event.pull?.untrusted)
      notices.push(`the variable ${name} is not given to code from outside: it holds a Secret`);
    else if (secret) {
      values[name] = await readSecret(secret);
      secrets.push(secret);
    }
  }
  for (const [name, value] of Object.entries(given))
    if (value && (name in values || name in standard)) values[name] = value;
  return { values: { ...values, ...event.incoming?.parameters }, secrets, notices };
}

/** One parameter for each name: the last, and of those with a filter the first whose filter holds. */
function chosen(
  parameters: readonly RepositoryParameter[],
  about: { event: TriggerEvent; standard: Readonly<Record<string, string>> },
): Map<string, RepositoryParameter> {
  const found = new Map<string, RepositoryParameter>();
  const filtered = new Set<string>();
  for (const parameter of parameters) {
    const { name, filter } = parameter;
    if (!name || (filter && (filtered.has(name) || !holds(filter, { name, ...about })))) continue;
    if (filter) filtered.add(name);
    found.set(name, parameter);
  }
  return found;
}

function holds(
  filter: string,
  about: { name: string; event: TriggerEvent; standard: Readonly<Record<string, string>> },
): boolean {
  const { name, event, standard } = about;
  try {
    return evaluateValue(filter, event, standard) === true;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw invalid(`the filter of the parameter "${name}" of the repository: ${error.message}`);
  }
}

/** `key=value` and `key="a \"value\""` anywhere in a comment that begins with a slash. */
export function keyValueArguments(comment: string): Record<string, string> {
  if (!comment.startsWith('/')) return {};
  const found: Record<string, string> = {};
  for (const [, key, quoted, plain] of comment.matchAll(/(\w+)=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^"'\s]+))/g))
    found[key!] = quoted ? quoted.replaceAll('\\"', '"') : (plain ?? '');
  return found;
}
