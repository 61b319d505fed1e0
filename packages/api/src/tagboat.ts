import type { Condition, KubernetesObject } from './object.ts';

export interface RepositorySpec {
  /** A git URL to follow; absent: hosted here, at `/git/<namespace>/<name>.git`. */
  url?: string;
  /** Whose pushes this repository holds: a `source` triggers runs, a `deployment` never does. */
  role?: 'source' | 'deployment';
  /** How often to look at an outside URL without being nudged; default 60 s. */
  intervalSeconds?: number;
  credentialsFrom?: { secretName: string };
  /** At most so many of its runs at once; others wait for their turn. */
  concurrencyLimit?: number;
  /** The forge that hosts `url`: its pull requests are followed, and commit statuses are written back. */
  forge?: ForgeSpec;
  /** The fields of a Pipelines-as-Code `Repository`, as it names them (pipelinesascode.tekton.dev/v1alpha1). */
  concurrency_limit?: number;
  /** Variables for the files of `.tekton/`. */
  params?: RepositoryParameter[];
  /** Who may start runs by `POST /incoming`. */
  incoming?: IncomingWebhook[];
  settings?: RepositorySettings;
  git_provider?: {
    type?: string;
    url?: string;
    user?: string;
    secret?: PlainSecretReference;
    webhook_secret?: PlainSecretReference;
  };
}

/** As Pipelines-as-Code refers to Secrets. */
export interface PlainSecretReference {
  name: string;
  key?: string;
}

export interface RepositoryParameter {
  name?: string;
  value?: string;
  secret_ref?: PlainSecretReference;
  /** A CEL expression over `pac`, `body` and `files`: where it does not hold, the parameter is not there. */
  filter?: string;
}

export interface IncomingWebhook {
  type?: string;
  /** Branches, exactly or as globs. */
  targets?: string[];
  /** Default key: `secret`. */
  secret?: PlainSecretReference;
  /** Variables that a request may give. */
  params?: string[];
}

export interface RepositorySettings {
  /** Whose `.tekton/` counts: that of the commit (default) or that of the default branch. */
  pipelinerun_provenance?: 'source' | 'default_branch';
  /**
   * Names of teams, else of people: who may ask for runs of a stranger's pull request, and whose own pull requests run.
   * Where it is there, an empty or missing list is nobody.
   */
  policy?: { ok_to_test?: string[]; pull_request?: string[] };
  /** Teams of the policy where no forge knows any: name -> people. */
  groups?: Record<string, string[]>;
  [other: string]: unknown;
}

export interface ForgeSpec {
  /** Absent: as the host's name tells. */
  type?: 'github' | 'gitlab' | 'gitea';
  /** Of the REST API, where it is not where such a forge has it. */
  url?: string;
  /** `owner/name`, where the path of the URL is another. */
  repository?: string;
  /** A token of the API; absent: that of `credentialsFrom`. */
  token?: SecretReference;
  /**
   * A Secret with `github-application-id`, `github-private-key` and `webhook.secret`: a GitHub App stands in for a token.
   * Of the project, else of the namespace `pipelines-as-code`, where no run of the project reads it.
   */
  app?: { secretName: string };
  /** What webhooks are signed with; absent: none are taken. */
  webhookSecret?: SecretReference;
}

/** The Secret of a GitHub App, and where it is for all projects, as Pipelines-as-Code has them. */
export const githubAppSecret = { name: 'pipelines-as-code-secret', namespace: 'pipelines-as-code' } as const;

export interface SecretReference {
  secretName: string;
  key?: string;
}

export interface RepositoryStatus {
  url?: string;
  defaultBranch?: string;
  /** Full ref name -> commit it names (annotated tags peeled). */
  refs?: Record<string, string>;
  /** Refs that were there when an outside repository was first seen, and so are recorded but not run. */
  observedAt?: string;
  /** The members of the teams that the policy names, as the forge last told. */
  teams?: Record<string, string[]>;
  conditions?: Condition[];
}

export type Repository = KubernetesObject<RepositorySpec, RepositoryStatus>;

export interface HandledRefSpec {
  repository: string;
  ref: string;
  commit: string;
  /** Order of first sight within the repository. */
  sequence: number;
  /** The PipelineRuns made for it; empty with a reason. */
  pipelineRuns: string[];
  reason?: string;
  /** What a reader should know, such as a file that was passed over. */
  notices?: string[];
}

export type HandledRef = KubernetesObject<HandledRefSpec>;

export interface ExperimentSpec {
  model: string;
  pipelineRun: string;
  repository: string;
  commit: string;
  tag?: string;
  parameters: Record<string, unknown>;
  metrics: Record<string, number | null>;
  data: Record<string, string>;
  modelDigest?: string;
  imageDigest?: string;
  notebook?: string;
  reused?: boolean;
  verdict?: string;
}

export type Experiment = KubernetesObject<ExperimentSpec>;

export interface PullRequestSpec {
  repository: string;
  /** Unique within the repository, counted from 1. */
  number: number;
  title: string;
  description?: string;
  /** Full name of the ref that holds the change: `refs/pull/<number>/head` or a branch. */
  sourceRef: string;
  /** Without `refs/heads/`. */
  targetBranch: string;
  /** Names one of several changes that the same person proposes for a branch. */
  topic?: string;
  author?: string;
  /** What is wanted: a merge is asked for by setting `merged`; refused, it becomes `open` again. */
  state: 'open' | 'closed' | 'merged';
  merge?: PullRequestMerge;
  /** From outside the project: it runs only after `/ok-to-test`. */
  external?: boolean;
  /** Its author says at the forge that it is not ready. */
  draft?: boolean;
  labels?: string[];
  comments?: PullRequestComment[];
  /** Where it is, when it lives at an outside forge. */
  url?: string;
  /** The change as the forge last told of it; absent for what is hosted here, where git itself is looked at. */
  observedHead?: string;
  /** The repository the change comes from, when it is another one. */
  sourceUrl?: string;
}

export interface PullRequestMerge {
  /**
   * Default `merge`: a merge commit. `squash`: one commit that holds the whole change. `rebase`: its
   * commits anew on top of the target. `fast-forward` needs a change
   * that is on top of its target.
   */
  method?: 'merge' | 'squash' | 'rebase' | 'fast-forward';
  /** The first lines of the merge commit's message. */
  message?: string;
  by?: string;
  /** The head that was looked at when the merge was asked for; another one is not merged. */
  head?: string;
}

export interface PullRequestComment {
  author: string;
  /** Empty without a review: the comment was deleted at its forge. */
  body: string;
  createdAt: string;
  /** A review's verdict, where the comment is one. */
  review?: 'approved' | 'changes-requested';
  /** The commit that was reviewed or spoken of: the head that was known when the comment came. */
  commit?: string;
  /** False: not from somebody who may ask for runs. */
  trusted?: boolean;
  /** The forge's own id, where it has one. */
  id?: string;
}

export interface PullRequestMetric {
  model: string;
  metric: string;
  value: number | null;
  /** The metric of the newest trained commit of the target branch. */
  target?: number | null;
  targetCommit?: string;
}

export interface PullRequestStatus {
  observedGeneration?: number;
  headCommit?: string;
  baseCommit?: string;
  mergeCommit?: string;
  mergedAt?: string;
  closedAt?: string;
  mergeable?: boolean;
  /** Commit statuses by context, as forges show them. */
  checks?: {
    context: string;
    state: CommitState;
    description?: string;
    pipelineRun?: string;
  }[];
  /** How many of the comments were read for commands. */
  commandsRead?: number;
  /** The labels whose runs were made. */
  labelsRead?: string[];
  /** Whether it was a draft when it was last looked at. */
  draftRead?: boolean;
  /** The commits of an outside contributor that may run. */
  approvedCommits?: string[];
  /** When `headCommit` was first seen. */
  headSeenAt?: string;
  /** What the change does to each metric, next to what the target branch has. */
  metrics?: PullRequestMetric[];
  /** `Mergeable` and `Merged`, with the reason where they are not. */
  conditions?: Condition[];
}

export type PullRequest = KubernetesObject<PullRequestSpec, PullRequestStatus>;

/** What one check says of one commit, as forges show it; outlives the run that it speaks of. */
export interface CommitStatusSpec {
  repository: string;
  /** Full object id. */
  commit: string;
  /** Names the check, such as `aicoe-ci/pytest-check`; one status per commit and context. */
  context: string;
  state: CommitState;
  description?: string;
  /** Where to read more. */
  targetUrl?: string;
  pipelineRun?: string;
  creator?: string;
  updatedAt: string;
}

/** What somebody said of a commit; a line `/test`, `/retest` or `/cancel` asks for runs of a branch or tag that names it. */
export interface CommitCommentSpec {
  repository: string;
  /** Full object id. */
  commit: string;
  author: string;
  body: string;
  createdAt: string;
  /** False: not from somebody who may ask for runs. */
  trusted?: boolean;
}

export interface CommitCommentStatus {
  /** Counts what was asked of the commit, from 1; it is what tells the runs of several comments apart. */
  attempt?: number;
  handledAt?: string;
  pipelineRuns?: string[];
  /** Why nothing was done. */
  reason?: string;
}

export type CommitComment = KubernetesObject<CommitCommentSpec, CommitCommentStatus>;

export type CommitState = 'pending' | 'success' | 'failure' | 'error' | 'warning';

export interface CommitStatusStatus {
  /** What an outside forge was last told: the state, a digest of all that was said, when, and the check run that can still change. */
  reported?: { digest: string; at: string; state?: CommitState; checkRun?: string };
  conditions?: Condition[];
}

export type CommitStatus = KubernetesObject<CommitStatusSpec, CommitStatusStatus>;

/** Labels by which a CommitStatus is found; a commit's label holds at most its first 40 digits. */
export const commitStatusLabels = {
  repository: 'tagboat.dev/repository',
  commit: 'tagboat.dev/commit',
} as const;
