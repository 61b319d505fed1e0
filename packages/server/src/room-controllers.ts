import { kinds, type Repository } from '@tagboat/api';
import { EventExpiry, GarbageCollector, namespaceController } from '@tagboat/controller';
import { forgeController, pullRequestController, repositoryController, statusReporter } from '@tagboat/git';
import { applicationController } from '@tagboat/gitops';
import { experimentController, modelController } from '@tagboat/model';
import { engineProblem, resultsKept } from '@tagboat/node';
import { createPipelineControllers, type Registries } from '@tagboat/pipelines';
import { inferenceServiceController } from '@tagboat/serving';
import {
  commitCommentController,
  nativeRepositoryController,
  pullTriggerController,
  retentionController,
  statusController,
  type TriggerOptions,
  triggerController,
} from '@tagboat/triggers';
import { createWorkloadControllers, type Startable } from '@tagboat/workloads';
import type { Core } from './core.ts';
import type { Ports } from './ports.ts';
import type { Repositories } from './repositories.ts';

export interface Surroundings {
  readonly ports: Ports;
  readonly repositories: Repositories;
  /** What names of images begin with. */
  readonly registry: string;
  readonly registries: Registries;
}

/** Starts every room's controllers; those that requests are passed to are put into `ports.rooms`. */
export function startControllers(core: Core, around: Surroundings, stack: AsyncDisposableStack): void {
  const { store, types, clock } = core;
  const log = (part: string) => core.log.with({ part });
  const { ports, repositories } = around;
  const triggers = triggerOptions(core, around);
  const code = codeControllers(core, around);
  Object.assign(ports.rooms, { triggers, git: code.git, forges: code.forges });
  const controllers = [
    code.git,
    code.pulls,
    code.forges,
    pullTriggerController(triggers),
    triggerController(triggers),
    commitCommentController(triggers),
    retentionController(triggers),
    nativeRepositoryController({ ...triggers, hostedAt: (url) => repositories.hostedAt(url) }),
    statusReporter({ store, clock, log: log('status-reporter') }),
    statusController({
      store,
      clock,
      log: log('statuses'),
      page: triggers.page,
      mirrorOf: (project, name) => repositories.open(project, name, { push: false, mayCreate: false }),
    }),
    ...runControllers(core, around),
    modelController({ ...triggers, log: log('model'), repositoryUrl: triggers.cloneUrl }),
    experimentController({ store, clock, log: log('experiments') }),
    ports.workbenches.controller(),
    namespaceController({ store, types, clock, log: log('namespaces') }),
  ];
  for (const controller of controllers) stack.use(controller.start());
  stack.use(new EventExpiry({ store, clock, log: log('events') }).start());
  stack.use(new GarbageCollector({ store, types, clock, log: log('gc') }).start());
}

function codeControllers({ store, clock, log }: Core, { ports, repositories }: Surroundings) {
  const { hosting, url } = ports;
  const git = repositoryController({
    store,
    hosting,
    baseUrl: `${url}/git`,
    credentials: (repository) => repositories.credentialsFor(repository),
    clock,
    log: log.with({ part: 'git' }),
  });
  const pulls = pullRequestController({
    store,
    hosting,
    clock,
    log: log.with({ part: 'pull-requests' }),
    changed: (namespace, name) => git.enqueue({ type: kinds.Repository, namespace, name }),
  });
  return { git, pulls, forges: forgeController({ store, clock, log: log.with({ part: 'forges' }) }) };
}

function triggerOptions({ store, clock, log }: Core, { ports, repositories, registry }: Surroundings) {
  const { url } = ports;
  return {
    store,
    clock,
    log: log.with({ part: 'triggers' }),
    registry,
    mirrorOf: (repository: Repository) => repositories.mirrorOf(repository),
    cloneUrl: (project: string, name: string) => `${url}/git/${project}/${name}.git`,
    page: (project: string, run: string) => `${url}/runs/${project}/${run}`,
    deploymentUrl: (project: string, model: string) => repositories.deploymentUrl(project, model),
    noEngine: engineProblem,
  } satisfies TriggerOptions;
}

/** Of what runs: pipelines, workloads, what is deployed and served. */
function runControllers(core: Core, { ports, repositories, registries }: Surroundings): Startable[] {
  const { store, types, clock, home, settings, resources } = core;
  const log = (part: string) => core.log.with({ part });
  const { appsUrl, metrics } = ports;
  return [
    ...createPipelineControllers({
      ...{ store, clock, settings, registries },
      log: log('pipelines'),
      resultsKept: resultsKept(home),
      customControllers: true,
    }),
    ...createWorkloadControllers({ store, clock, log: log('workloads'), appsUrl, seed: home }),
    inferenceServiceController({ store, clock, log: log('serving'), appsUrl }),
    applicationController({
      store,
      types,
      clock,
      log: log('gitops'),
      repository: (url) => repositories.byUrl(url),
      check: (object, live) => resources.check(object, live),
      onSync: (application, succeeded) => metrics.synced(application, succeeded),
    }),
  ];
}
