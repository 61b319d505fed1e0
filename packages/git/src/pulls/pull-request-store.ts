import { keyOf, kinds, type PullRequest, type PullRequestSpec, type ResourceKey } from '@tagboat/api';
import { isReason, notFound, shortened } from '@tagboat/base';
import type { ResourceStore } from '@tagboat/store';

/** Name of the object that stands for a pull request; the same for the same repository and number. */
export const pullRequestName = (repository: string, number: number): string =>
  shortened(`${repository}-${number}`);

export const repositoryLabel = 'tagboat.dev/repository';
export const headRef = (number: number): string => `refs/pull/${number}/head`;

/** The pull requests of one repository. */
export class PullRequestStore {
  readonly store: ResourceStore;
  readonly namespace: string;
  readonly repository: string;

  constructor(store: ResourceStore, namespace: string, repository: string) {
    this.store = store;
    this.namespace = namespace;
    this.repository = repository;
  }

  /** Newest first. */
  async all(): Promise<PullRequest[]> {
    const labels = [{ key: repositoryLabel, operator: 'In' as const, values: [this.repository] }];
    const { items } = await this.store.list<PullRequest>(kinds.PullRequest, {
      namespace: this.namespace,
      labels,
    });
    return [...items].sort((a, b) => (b.spec?.number ?? 0) - (a.spec?.number ?? 0));
  }

  /** @throws `NotFound` */
  async get(number: number): Promise<PullRequest> {
    const found = await this.store.get<PullRequest>(this.key(number));
    if (!found) throw notFound(`${this.namespace}/${this.repository} has no pull request ${number}`);
    return found;
  }

  key(number: number): ResourceKey {
    return {
      type: kinds.PullRequest,
      namespace: this.namespace,
      name: pullRequestName(this.repository, number),
    };
  }

  /**
   * Makes one under the next number. `prepare` writes what must be there before it is seen, such as its head, and says
   * false where that is somebody else's. A kill in between leaves a number unused, and nothing else.
   */
  async create(
    spec: Omit<PullRequestSpec, 'number' | 'repository' | 'sourceRef'> & { sourceRef?: string },
    taken: readonly number[],
    prepare: (number: number) => Promise<boolean>,
  ): Promise<PullRequest> {
    const known = (await this.all()).map((pull) => pull.spec?.number ?? 0);
    for (let number = Math.max(0, ...known, ...taken) + 1; ; number++) {
      if (!(await prepare(number))) continue;
      const object: PullRequest = {
        apiVersion: 'tagboat.dev/v1alpha1',
        kind: 'PullRequest',
        metadata: {
          name: pullRequestName(this.repository, number),
          namespace: this.namespace,
          labels: { [repositoryLabel]: this.repository },
        },
        spec: { repository: this.repository, number, ...spec, sourceRef: spec.sourceRef ?? headRef(number) },
      };
      try {
        return await this.store.create(object);
      } catch (error) {
        if (!isReason(error, 'AlreadyExists')) throw error;
      }
    }
  }
}

export const keyOfPull = (pull: PullRequest): ResourceKey => keyOf(kinds.PullRequest, pull);
