import type { PullRequest } from '@tagboat/api';
import type { RefToHandle } from './plan-triggers.ts';

/** Paths that a push or a pull request changes. */
export interface ChangedFiles {
  readonly all: readonly string[];
  readonly added: readonly string[];
  readonly deleted: readonly string[];
  readonly modified: readonly string[];
  readonly renamed: readonly string[];
}

/** The pull request that an event is about. */
export interface PullEvent {
  readonly number: number;
  readonly title: string;
  readonly description: string;
  readonly targetBranch: string;
  /** Full name of the ref it comes from. */
  readonly sourceRef: string;
  readonly author: string;
  readonly labels: readonly string[];
  /** Its author says at the forge that it is not ready. */
  readonly isDraft: boolean;
  /** Its code is not the project's own: it runs in a container, without secrets. */
  readonly untrusted: boolean;
  readonly sourceUrl: string | undefined;
}

/** A comment that asks for runs. */
export interface CommentEvent {
  /** Its place among the comments, which is what makes the runs it asks for its own. */
  readonly index: number;
  readonly body: string;
  readonly author: string;
  /** Only the run of this name, whatever became of it before. */
  readonly only?: string;
  /** Only runs that wait for comments like this one. */
  readonly custom?: boolean;
  /** The command in it, as Pipelines-as-Code names it. */
  readonly eventType?: string;
}

/** A request from outside for one run. */
export interface IncomingEvent {
  /** What makes the run it asks for its own. */
  readonly id: string;
  /** The name that the repository gives the run. */
  readonly run: string;
  /** Variables that were given with the request. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** What happened to a repository, as far as it can be seen again at any time. */
export interface TriggerEvent {
  readonly ref: RefToHandle;
  readonly kind: 'push' | 'pull_request';
  readonly project: string;
  readonly repository: string;
  readonly repositoryUrl: string;
  readonly cloneUrl: string;
  readonly defaultBranch: string;
  /** At most so many of the repository's runs at once; absent: as the platform has it. */
  readonly concurrencyLimit?: number;
  readonly message: string;
  readonly author: { readonly name: string; readonly email: string };
  readonly files: ChangedFiles;
  /** The commit that the paths are compared with; absent: there is none. */
  readonly before?: string;
  /** The first head of a pull request. */
  readonly isFirst?: boolean;
  readonly pull?: PullEvent;
  readonly comment?: CommentEvent;
  readonly incoming?: IncomingEvent;
  /** Variables of the repository (`spec.params`), of the comment and of the request, for the files of `.tekton/`. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** The kind of event as Pipelines-as-Code writes it on runs: with the command of a comment. */
export const eventTypeOf = (event: TriggerEvent): string =>
  event.incoming ? 'incoming' : (event.comment?.eventType ?? event.kind);

export function pullEventOf(pull: PullRequest): PullEvent {
  const spec = pull.spec!;
  return {
    number: spec.number,
    title: spec.title,
    description: spec.description ?? '',
    targetBranch: spec.targetBranch,
    sourceRef: spec.sourceRef,
    author: spec.author ?? '',
    labels: spec.labels ?? [],
    isDraft: spec.draft === true,
    untrusted: spec.external === true,
    sourceUrl: spec.sourceUrl,
  };
}

/** Case-sensitive, anywhere in the message, as Pipelines-as-Code reads them. */
export function skipsChecks(message: string): string | undefined {
  return /\[(skip ci|ci skip|skip tkn|tkn skip)\]/.exec(message)?.[0];
}

/** What a forge calls the repository: the path of its URL; of one that is hosted here its project and name. */
export function placeOf({ repositoryUrl, project, repository }: TriggerEvent): {
  readonly owner: string;
  readonly name: string;
} {
  const scp = /^(?:[^@/]+@)?[^:/]+:(?!\/\/)(.+)$/.exec(repositoryUrl)?.[1];
  const path = scp ?? (URL.canParse(repositoryUrl) ? new URL(repositoryUrl).pathname : '');
  const parts = path
    .replace(/(\.git)?\/*$/, '')
    .split('/')
    .filter(Boolean);
  const isHosted = parts[0] === 'git' && parts[1] === project;
  const name = parts.pop();
  const owner = parts.join('/');
  return owner && name && !isHosted ? { owner, name } : { owner: project, name: repository };
}

/** The branch or tag that an event aims at, as Pipelines-as-Code compares it: a full ref for pushes. */
export const targetOf = (event: TriggerEvent): string => event.pull?.targetBranch ?? event.ref.ref;

export const sourceOf = (event: TriggerEvent): string =>
  event.pull ? event.pull.sourceRef.replace(/^refs\/heads\//, '') : event.ref.ref;

export const senderOf = (event: TriggerEvent): string =>
  (event.incoming && 'incoming') || event.comment?.author || event.pull?.author || event.author.name;
