import { parseYaml, type SourceDocument } from '@tagboat/api';
import { placeOf, senderOf, sourceOf, type TriggerEvent, targetOf } from '../trigger-event.ts';
import { evaluateValue, textOf } from './expressions.ts';

/** Branch names as Pipelines-as-Code writes them into runs. */
export const plainBranch = (name: string) => name.replace(/^refs\/(heads|tags)\//, '').replaceAll('/', '-');

/**
 * The Secret that Pipelines-as-Code makes for `git-clone`'s workspace `basic-auth`. Here it holds no secret: git in a pod
 * finds the pod's own token.
 */
export const gitAuthSecret = 'tagboat-git-auth';

/** The plain variables of Pipelines-as-Code. */
export function variablesOf(event: TriggerEvent): Record<string, string> {
  const { pull, comment, ref } = event;
  const { owner, name } = placeOf(event);
  return {
    revision: ref.commit,
    repo_url: event.cloneUrl,
    repo_owner: owner.toLowerCase(),
    repo_name: name.toLowerCase(),
    target_branch: plainBranch(targetOf(event)),
    source_branch: plainBranch(sourceOf(event)),
    git_tag: ref.kind === 'tag' ? ref.short : '',
    source_url: pull?.sourceUrl ?? event.repositoryUrl,
    sender: senderOf(event).toLowerCase(),
    target_namespace: event.project,
    git_auth_secret: gitAuthSecret,
    event: event.incoming ? 'incoming' : event.kind,
    event_type: event.incoming ? 'incoming' : event.comment?.custom ? 'on-comment' : event.kind,
    trigger_comment: (comment?.body ?? '').replaceAll('\r\n', '\\n').replaceAll('\n', '\\n'),
    pull_request_labels: (pull?.labels ?? []).join('\\n'),
    ...(pull ? { pull_request_number: String(pull.number) } : {}),
  };
}

const placeholder = /\{\{([^}]{2,})\}\}/g;

/**
 * Reads YAML in which `{{ variable }}` stands for something of the event. The values come in after the text was
 * parsed: whatever a title, a comment or a branch holds, it is the content of one scalar, and never more YAML.
 * A variable that is not known stays as it stands.
 */
export function readTemplate(text: string, file: string, event: TriggerEvent): SourceDocument[] {
  const variables = { ...variablesOf(event), ...event.variables };
  const values: string[] = [];
  const marked = text.replace(placeholder, (whole, inner: string) => {
    const value = expressionOf(inner.trim(), event, variables);
    if (value === undefined) return whole;
    values.push(value);
    return marker(values.length - 1);
  });
  return parseYaml(marked, file).map((document) => ({
    ...document,
    locate: (path) => document.locate(path),
    value: replaced(document.value, values),
  }));
}

// Letters and digits alone, so that it is a plain scalar wherever it stands.
const marker = (index: number) => `tagboatVariable${index}x`;
const markers = /tagboatVariable(\d+)x/g;

function expressionOf(
  key: string,
  event: TriggerEvent,
  variables: Readonly<Record<string, string>>,
): string | undefined {
  const expression = /^cel:(.*)$/s.exec(key)?.[1]?.trim();
  if (expression === undefined && !/^(body|headers|files)\b/.test(key)) return variables[key];
  try {
    return textOf(evaluateValue(expression ?? key, event, variables));
  } catch {
    // As upstream: an expression gives nothing, another name stays as it stands, where a reader sees it.
    return expression === undefined ? undefined : '';
  }
}

function replaced(value: unknown, values: readonly string[]): unknown {
  if (typeof value === 'string')
    return value.replace(markers, (_whole, index: string) => values[Number(index)]!);
  if (Array.isArray(value)) return value.map((item) => replaced(item, values));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [replaced(key, values) as string, replaced(item, values)]),
  );
}
