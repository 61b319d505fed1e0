import { randomBytes } from 'node:crypto';
import {
  type Condition,
  controllerOf,
  findCondition,
  type KubernetesObject,
  keyOf,
  kinds,
  type Notebook,
  type NotebookStatus,
  notebookAnnotations,
  type PersistentVolumeClaim,
  type Pod,
  type Repository,
  type ResourceKey,
  withCondition,
} from '@tagboat/api';
import { type Clock, canonicalJson, isReason, type Logger, timestamp } from '@tagboat/base';
import { Controller, type Result } from '@tagboat/controller';
import {
  applySpec,
  createIfAbsent,
  deleteIfPresent,
  mutate,
  mutateStatus,
  type ResourceStore,
} from '@tagboat/store';
import { idleCondition, idleTimeoutOf, type Judgement, judgeActivity } from './activity.ts';
import { deletionStep } from './deletion.ts';
import { askServer, type ServerReach } from './jupyter-server.ts';
import { planWorkbench, type WorkbenchPlan } from './plan-workbench.ts';
import {
  claimsOf,
  environmentOf,
  environmentsClaim,
  podName,
  podOf,
  serviceOf,
  templateHashOf,
  tokenSecretName,
  tokenSecretOf,
} from './pod-of.ts';

export interface WorkbenchOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** The URL of `/git` on the main port. */
  readonly gitUrl: string;
  /** Where images and snapshots go. */
  readonly registry: string;
  /** Bytes that a claim's files take. */
  readonly diskUse: (namespace: string, claim: string) => Promise<number>;
  /** Requests and open connections of a workbench, as the gate has seen them. */
  readonly traffic: (namespace: string, name: string) => { connections: number; lastRequest: number };
}

/** Milliseconds until a server that did not say what it does is asked again. */
const askAgain = 60_000;

/** Makes what a Notebook declares true: its server's token, its Service, its pod while it is not stopped. */
export function workbenchController(options: WorkbenchOptions): Controller {
  const owner = (object: KubernetesObject): ResourceKey[] => {
    const reference = controllerOf(object);
    return reference?.kind === 'Notebook'
      ? [{ type: kinds.Notebook, namespace: object.metadata.namespace ?? '', name: reference.name }]
      : [];
  };
  const looks = new Map<string, number>();
  return new Controller({
    name: 'workbenches',
    reader: options.store,
    type: kinds.Notebook,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => new Reconciliation(options, key, looks).run() },
    watches: [{ type: kinds.Pod, keys: owner }],
  });
}

class Reconciliation {
  readonly #options: WorkbenchOptions;
  readonly #key: ResourceKey;
  /** When each workbench's use is to be looked at again, by the uid of its pod. */
  readonly #looks: Map<string, number>;

  constructor(options: WorkbenchOptions, key: ResourceKey, looks: Map<string, number>) {
    this.#options = options;
    this.#key = key;
    this.#looks = looks;
  }

  async run(): Promise<Result> {
    const { store, clock } = this.#options;
    const notebook = await store.get<Notebook>(this.#key);
    if (!notebook) return undefined;
    if ((notebook.spec?.template?.spec?.containers ?? []).length === 0)
      return this.#report(notebook, undefined, {
        pod: 'none',
        phase: 'Failed',
        message: 'expected a container in spec.template.spec.containers, found none',
      });
    const repositoryUrl = await this.#repositoryUrl(notebook);
    const podKey = { type: kinds.Pod, namespace: this.#key.namespace, name: podName(this.#key.name) };
    const pod = await this.#ownPod(notebook, podKey);
    const hash = templateHashOf({ notebook, repositoryUrl });
    const plan = planWorkbench({ notebook, pod, hash, now: clock.now() });
    if (plan.pod === 'delete') await deleteIfPresent(store, podKey);
    if (plan.pod === 'create') {
      await this.#prepare(notebook);
      await createIfAbsent(store, podKey, podOf({ notebook, repositoryUrl }));
    }
    if (plan.phase === 'Deleting' && plan.pod === 'none') return this.#delete(notebook);
    const activity = plan.phase === 'Running' ? await this.#look(notebook, pod!) : undefined;
    if (activity?.verdict === 'stop') await this.#stop(notebook);
    await this.#report(notebook, pod, plan, activity);
    if (plan.phase === 'Running')
      return { again: Math.max(0, this.#looks.get(pod!.metadata.uid ?? '')! - clock.now()) };
    return plan.again === undefined ? undefined : { again: plan.again };
  }

  /** A pod of another Notebook of this name, deleted meanwhile, is not ours. */
  async #ownPod(notebook: Notebook, key: ResourceKey): Promise<Pod | undefined> {
    const pod = await this.#options.store.get<Pod>(key);
    return pod && controllerOf(pod)?.uid === notebook.metadata.uid ? pod : undefined;
  }

  async #repositoryUrl(notebook: Notebook): Promise<string | undefined> {
    const name = notebook.metadata.annotations?.[notebookAnnotations.repository];
    if (!name) return undefined;
    const { namespace } = this.#key;
    const repository = await this.#options.store.get<Repository>({ type: kinds.Repository, namespace, name });
    return repository?.spec?.url ?? `${this.#options.gitUrl}/${namespace}/${name}.git`;
  }

  async #prepare(notebook: Notebook): Promise<void> {
    const { store } = this.#options;
    const { namespace } = this.#key;
    const secret = { type: kinds.Secret, namespace, name: tokenSecretName(this.#key.name) };
    await createIfAbsent(store, secret, tokenSecretOf(notebook, randomBytes(24).toString('base64url')));
    const service = serviceOf(notebook);
    const stored = await createIfAbsent(store, keyOf(kinds.Service, service), service);
    if (controllerOf(stored)?.uid === notebook.metadata.uid)
      await applySpec(store, keyOf(kinds.Service, service), service);
    if (!environmentOf(notebook)) return;
    const claim: PersistentVolumeClaim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name: environmentsClaim,
        namespace,
        annotations: { 'tagboat.dev/shared-directory': 'environments' },
      },
      spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '20Gi' } } },
    };
    await createIfAbsent(store, keyOf(kinds.PersistentVolumeClaim, claim), claim);
  }

  async #delete(notebook: Notebook): Promise<Result> {
    const step = await deletionStep(this.#options, notebook);
    if (step.kind === 'done') return undefined;
    await this.#report(notebook, undefined, { pod: 'none', phase: 'Deleting', message: step.message });
    return { again: step.again };
  }

  /** What is written about a workbench makes it be looked at again: its use is asked for only when it is time. */
  async #look(notebook: Notebook, pod: Pod): Promise<Judgement | undefined> {
    const id = pod.metadata.uid ?? '';
    const now = this.#options.clock.now();
    if (now < (this.#looks.get(id) ?? 0)) return undefined;
    this.#looks.set(id, now + askAgain);
    const activity = await this.#activity(notebook, pod);
    if (activity) this.#looks.set(id, activity.lookAt);
    return activity;
  }

  /** @returns undefined where the server does not answer, which says nothing about its use */
  async #activity(notebook: Notebook, pod: Pod): Promise<Judgement | undefined> {
    const { clock, traffic, log } = this.#options;
    const annotations = notebook.metadata.annotations ?? {};
    const now = clock.now();
    const ready = Date.parse(findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime ?? '');
    const known = [Date.parse(notebook.status?.lastActivity ?? ''), ready].filter(
      (time) => !Number.isNaN(time),
    );
    try {
      const reach = await this.#reach(notebook, pod);
      const kernels = await askServer<{ execution_state: string; last_activity: string }[]>(
        reach,
        'api/kernels',
      );
      const terminals = await askServer<{ last_activity: string }[]>(reach, 'api/terminals');
      const seen = traffic(this.#key.namespace, this.#key.name);
      return judgeActivity(
        { kernels, terminals, ...seen, lastKnown: Math.max(0, ...known) },
        idleTimeoutOf(annotations[notebookAnnotations.idleTimeout]),
        now,
      );
    } catch (error) {
      log.debug('cannot ask a workbench what it does', { workbench: this.#key.name, error });
      return undefined;
    }
  }

  async #reach(notebook: Notebook, pod: Pod): Promise<ServerReach> {
    const secret = await this.#options.store.get<KubernetesObject & { data?: Record<string, string> }>({
      type: kinds.Secret,
      namespace: this.#key.namespace,
      name: tokenSecretName(this.#key.name),
    });
    const token = Buffer.from(secret?.data?.token ?? '', 'base64').toString('utf8');
    return { notebook, pod, token };
  }

  async #stop(notebook: Notebook): Promise<void> {
    const now = timestamp(this.#options.clock);
    this.#options.log.info('stops an idle workbench', { workbench: notebook.metadata.name });
    await mutate<Notebook>(this.#options.store, this.#key, (draft) => {
      draft.metadata.annotations = { ...draft.metadata.annotations, [notebookAnnotations.stopped]: now };
    });
  }

  async #report(
    notebook: Notebook,
    pod: Pod | undefined,
    plan: WorkbenchPlan,
    activity?: Judgement,
  ): Promise<undefined> {
    const { store, clock } = this.#options;
    const now = timestamp(clock);
    const diskUse = await this.#diskUse(notebook, plan, activity);
    const state = pod?.status?.containerStatuses?.[0]?.state;
    try {
      await mutateStatus<Notebook>(store, this.#key, (draft) => {
        const before = draft.status ?? {};
        const conditions = conditionsOf({ plan, activity, before: before.conditions, now });
        const next: NotebookStatus = {
          ...before,
          observedGeneration: notebook.metadata.generation ?? 0,
          readyReplicas: plan.phase === 'Running' ? 1 : 0,
          containerState: state ?? {},
          conditions,
          ...(activity ? { lastActivity: new Date(activity.lastActivity).toISOString() } : {}),
          ...(diskUse === undefined ? {} : { diskUse }),
        };
        if (canonicalJson(next) === canonicalJson(before)) return false;
        draft.status = next;
        return undefined;
      });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
    return undefined;
  }

  /** Looked at each time its use is, and when it has just stopped. */
  async #diskUse(
    notebook: Notebook,
    plan: WorkbenchPlan,
    activity: Judgement | undefined,
  ): Promise<number | undefined> {
    const before = findCondition(notebook.status?.conditions, 'Ready')?.reason;
    if (!activity && !(plan.phase === 'Stopped' && before !== 'Stopped')) return undefined;
    const sizes = claimsOf(notebook).map((claim) => this.#options.diskUse(this.#key.namespace, claim));
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }
}

function conditionsOf(input: {
  plan: WorkbenchPlan;
  activity: Judgement | undefined;
  before: readonly Condition[] | undefined;
  now: string;
}): Condition[] {
  const { plan, activity, before, now } = input;
  const ready: Condition = {
    type: 'Ready',
    status: plan.phase === 'Running' ? 'True' : 'False',
    reason: plan.phase,
    message: plan.message,
  };
  const known = withCondition(before, ready, now);
  if (!activity && plan.phase === 'Running') return known;
  const idle = idleCondition(activity ?? { verdict: 'active', stopsAt: undefined });
  return withCondition(known, idle, now);
}
