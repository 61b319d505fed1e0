import { invalid } from '@tagboat/base';
import { type TriggerEvent, targetOf } from '../trigger-event.ts';
import { bounded, evaluateMatch } from './expressions.ts';
import { matchesGlobPattern } from './globs.ts';

const prefix = 'pipelinesascode.tekton.dev/';

/** The annotations of Pipelines-as-Code that are acted on. */
export const annotationNames = {
  event: `${prefix}on-event`,
  branch: `${prefix}on-target-branch`,
  expression: `${prefix}on-cel-expression`,
  paths: `${prefix}on-path-change`,
  ignoredPaths: `${prefix}on-path-change-ignore`,
  comment: `${prefix}on-comment`,
  label: `${prefix}on-label`,
  keep: `${prefix}max-keep-runs`,
  cancel: `${prefix}cancel-in-progress`,
  pipeline: `${prefix}pipeline`,
  task: `${prefix}task`,
  namespace: `${prefix}target-namespace`,
  /** Set on runs: the name that the repository gives the run. */
  original: `${prefix}original-prname`,
  pullRequest: `${prefix}pull-request`,
  sender: `${prefix}sender`,
  sha: `${prefix}sha`,
  eventType: `${prefix}event-type`,
  branchOf: `${prefix}branch`,
  sourceBranch: `${prefix}source-branch`,
  title: `${prefix}sha-title`,
  repository: `${prefix}repository`,
  repositoryUrl: `${prefix}repo-url`,
  sourceUrl: `${prefix}source-repo-url`,
  owner: `${prefix}url-org`,
  name: `${prefix}url-repository`,
  logUrl: `${prefix}log-url`,
} as const;

const known: ReadonlySet<string> = new Set(Object.values(annotationNames));

/** The annotations of Pipelines-as-Code on a run that nothing here acts on. */
export const unknownAnnotations = (annotations: Annotations): string[] =>
  Object.keys(annotations).filter(
    (name) => name.startsWith(prefix) && !known.has(name) && !/\/task-\d+$/.test(name),
  );

type Annotations = Readonly<Record<string, string>>;

/** `[a, b]` or one value; `&#44;` is a comma. @throws `Invalid` for empty lists */
export function annotationValues(text: string, name: string): string[] {
  const trimmed = text.trim();
  const unescaped = (value: string) => value.trim().replaceAll('&#44;', ',');
  if (!trimmed.startsWith('[')) {
    if (trimmed === '') throw invalid(`expected a value in the annotation ${name}`);
    return [unescaped(trimmed)];
  }
  if (!trimmed.endsWith(']')) throw invalid(`expected "]" at the end of the annotation ${name}: ${trimmed}`);
  const values = trimmed.slice(1, -1).split(',').map(unescaped);
  if (values[0] === '') throw invalid(`the annotation ${name} has an empty value: ${trimmed}`);
  return values.filter((value) => value !== '');
}

/** Whether this event is one that the annotations of a run wait for. @throws `Invalid` for annotations that cannot be read */
export function matchesEvent(annotations: Annotations, event: TriggerEvent): boolean {
  if (event.comment && matchesComment(annotations, event.comment.body)) return true;
  const expression = annotations[annotationNames.expression];
  if (expression !== undefined) return evaluateMatch(expression, event);
  if (annotations[annotationNames.event] === undefined || annotations[annotationNames.branch] === undefined)
    return false;
  const has = (name: string, holds: (value: string) => boolean) =>
    annotationValues(annotations[name]!, name).some(holds);
  if (!has(annotationNames.event, (value) => value === event.kind)) return false;
  if (!has(annotationNames.branch, (value) => matchesBranch(value, targetOf(event)))) return false;
  const changed = (name: string) =>
    has(name, (pattern) => event.files.all.some((path) => matchesGlobPattern(pattern, path)));
  if (annotations[annotationNames.paths] !== undefined && !changed(annotationNames.paths)) return false;
  if (
    annotations[annotationNames.label] !== undefined &&
    !has(annotationNames.label, (label) => event.pull?.labels.includes(label) === true)
  )
    return false;
  return annotations[annotationNames.ignoredPaths] === undefined || !changed(annotationNames.ignoredPaths);
}

/** Whether one of these labels is one that a run waits for, by name or in a condition about labels. */
export function waitsForLabel(annotations: Annotations, labels: readonly string[]): boolean {
  const expression = annotations[annotationNames.expression];
  if (expression !== undefined) return /\b(labels|pull_request_labels)\b/.test(expression);
  const wanted = annotations[annotationNames.label];
  return (
    wanted !== undefined &&
    annotationValues(wanted, annotationNames.label).some((label) => labels.includes(label))
  );
}

/** Whether a condition of a run is about drafts. */
export const waitsForReady = (annotations: Annotations): boolean =>
  /\bdraft\b/.test(annotations[annotationNames.expression] ?? '');

/** Whether a run waits for comments of its own, which are then the only thing besides its event that starts it. */
export function matchesComment(annotations: Annotations, body: string): boolean {
  const pattern = annotations[annotationNames.comment];
  if (pattern === undefined) return false;
  return bounded(`the pattern ${pattern}`, () => patternOf(pattern).test(body.trim()));
}

/** A regular expression as Go writes it (RE2): flags for all of it stand at its beginning, groups are named by `?P<`. */
function patternOf(text: string): RegExp {
  const [, flags = '', rest] = /^(?:\(\?([ims]+)\))?(.*)$/s.exec(text)!;
  return new RegExp(rest!.replaceAll('(?P<', '(?<'), flags);
}

/** A pattern of branches; without `refs/` it is about branches alone, never about tags. */
function matchesBranch(pattern: string, branch: string): boolean {
  if (pattern === branch) return true;
  const isRef = (name: string) => /^refs\/(heads|tags)\//.test(name);
  if (pattern.startsWith('refs/tags/')) return matchesGlobPattern(pattern, branch);
  const full = isRef(branch) ? branch : `refs/heads/${branch}`;
  return matchesGlobPattern(pattern.startsWith('refs/heads/') ? pattern : `refs/heads/${pattern}`, full);
}
