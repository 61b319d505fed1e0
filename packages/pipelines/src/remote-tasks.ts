import type { Reference, Task } from '@tagboat/api';
import { canonicalJson } from '@tagboat/base';
import type { Resolved, ResolveRequest } from './resolver-tools.ts';
import { resolveReference } from './resolvers.ts';

const mostKept = 500;

/**
 * Tasks of remote resolvers, fetched once for each PipelineRun: it is checked against what its TaskRuns will run. What is
 * no longer kept is fetched again.
 */
export class RemoteTasks {
  readonly #found = new Map<string, Promise<Resolved<Task>>>();

  /** @param run the PipelineRun's uid. @throws as `resolveReference`; a failure is not kept */
  of(run: string, request: Omit<ResolveRequest, 'kind'>, reference: Reference): Promise<Resolved<Task>> {
    const key = `${run} ${canonicalJson(reference)}`;
    const before = this.#found.get(key);
    if (before) return before;
    const found = resolveReference<Task>({ ...request, kind: 'Task' }, reference);
    this.#found.set(key, found);
    found.catch(() => this.#found.delete(key));
    if (this.#found.size > mostKept) this.#found.delete(this.#found.keys().next().value!);
    return found;
  }
}
