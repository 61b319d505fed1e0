import { Environment } from '@marcbachmann/cel-js';
import { describeError, invalid, isReason, withinTime } from '@tagboat/base';
import { eventTypeOf, placeOf, senderOf, sourceOf, type TriggerEvent, targetOf } from '../trigger-event.ts';
import { matchesGlobPattern } from './globs.ts';

const longest = 250;

/** Runs code of ours over text of theirs, such as a regular expression, for a quarter of a second at most. @throws `Invalid` */
export function bounded<T>(what: string, work: () => T): T {
  try {
    return withinTime(longest, work);
  } catch (error) {
    throw isReason(error, 'TimeoutExceeded') ? invalid(`${what} took longer than ${longest} ms`) : error;
  }
}

/**
 * The event as GitHub tells of it, put together from git alone: the same however it became known, also where no
 * webhook ever came.
 */
export function bodyOf(event: TriggerEvent): Record<string, unknown> {
  const { pull, ref, repositoryUrl } = event;
  const sender = { login: senderOf(event) };
  const { owner, name } = placeOf(event);
  const repository = {
    name,
    full_name: `${owner}/${name}`,
    html_url: repositoryUrl.replace(/\.git$/, ''),
    clone_url: repositoryUrl,
    default_branch: event.defaultBranch,
    owner: { login: owner },
  };
  const commit = { id: ref.commit, message: event.message, author: event.author };
  if (!pull) {
    const before = event.before ?? '0'.repeat(ref.commit.length);
    return { ref: ref.ref, before, after: ref.commit, head_commit: commit, repository, sender };
  }
  return {
    action: event.isFirst ? 'opened' : 'synchronize',
    number: pull.number,
    pull_request: {
      number: pull.number,
      state: 'open',
      title: pull.title,
      body: pull.description,
      user: { login: pull.author },
      head: { ref: sourceOf(event), sha: ref.commit },
      base: { ref: pull.targetBranch },
      labels: pull.labels.map((name) => ({ name })),
      draft: pull.isDraft,
    },
    repository,
    sender,
    ...(event.comment ? { comment: { body: event.comment.body } } : {}),
  };
}

/** By their names in small letters, as conditions compare them, and as GitHub writes them, as variables do. */
export const headersOf = (event: TriggerEvent): Record<string, string> => ({
  'x-github-event': event.kind,
  'X-Github-Event': event.kind,
});

const maps = ['body', 'headers', 'files', 'pac'] as const;
const texts = [
  'event',
  'event_type',
  'event_title',
  'target_branch',
  'source_branch',
  'target_url',
  'source_url',
] as const;

/** An `on-cel-expression` of Pipelines-as-Code, with its variables and `pathChanged`. @throws `Invalid` */
export function evaluateMatch(expression: string, event: TriggerEvent): boolean {
  // As upstream: pushes compare without refs/heads/, unless the expression itself writes it.
  const plain = (name: string) =>
    event.kind === 'push' && !expression.includes('refs/heads/') ? name.replace(/^refs\/heads\//, '') : name;
  return (
    evaluate(expression, event, {
      ...event.variables,
      ...textsOf(event),
      target_branch: plain(targetOf(event)),
      source_branch: plain(sourceOf(event)),
    }) === true
  );
}

const textsOf = (event: TriggerEvent): Record<(typeof texts)[number], string> => ({
  event: event.kind,
  event_type: eventTypeOf(event),
  event_title: event.pull?.title ?? event.message.split('\n')[0]!,
  target_branch: targetOf(event),
  source_branch: sourceOf(event),
  target_url: event.repositoryUrl,
  source_url: event.pull?.sourceUrl ?? event.repositoryUrl,
});

/** An expression in a `{{ }}` variable: over `body`, `headers`, `files`, and `pac` and by themselves the plain variables. */
export function evaluateValue(
  expression: string,
  event: TriggerEvent,
  pac: Readonly<Record<string, string>>,
): unknown {
  return evaluate(expression, event, { ...event.variables, ...textsOf(event), ...pac, pac: { ...pac } });
}

function evaluate(expression: string, event: TriggerEvent, values: Record<string, unknown>): unknown {
  const { files } = event;
  const environment = new Environment({
    unlistedVariablesAreDyn: false,
    homogeneousAggregateLiterals: false,
  });
  for (const name of maps) environment.registerVariable(name, 'dyn');
  for (const name of Object.keys(values))
    if (!(maps as readonly string[]).includes(name) && /^[A-Za-z_]\w*$/.test(name))
      environment.registerVariable(name, 'string');
  environment.registerFunction('string.pathChanged(): bool', (pattern: string) =>
    files.all.some((path) => matchesGlobPattern(pattern, path)),
  );
  // A variable of the repository never hides what the platform gives.
  const context = { pac: {}, ...values, body: bodyOf(event), headers: headersOf(event), files: { ...files } };
  try {
    return bounded(`the expression ${expression}`, () => environment.evaluate(expression, context));
  } catch (error) {
    throw invalid(`the expression ${expression} cannot be evaluated: ${describeError(error).split('\n')[0]}`);
  }
}

/** The text of a value of an expression, as Pipelines-as-Code writes it. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '';
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? Number(item) : item));
}
