import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Container,
  type PodStep,
  type PodSteps,
  podStepsAnnotation,
  type RunResult,
} from '@tagboat/api';
import { describeError, TagboatError, timestamp } from '@tagboat/base';
import { PodWorker, type StartedContainer } from './pod-worker.ts';
import { readResults, type StepDirectories, substituteStepResults } from './step-values.ts';
import { whenStepRuns } from './step-when.ts';
import { PodVolumes } from './volumes.ts';

interface StepEnd {
  readonly exitCode: number;
  readonly reason?: 'TimeoutExceeded' | 'Skipped' | 'Continued';
}

/** Runs a task's pod: its steps one after the other, sidecars alongside, as Tekton's entrypoint does on a cluster. */
export class StepPodWorker extends PodWorker {
  #scripts = '';

  protected async run(): Promise<void> {
    const { slots } = this.context;
    if (slots.full)
      await this.report({
        phase: 'Pending',
        message: 'waits until a task that runs now has ended (Insufficient cpu)',
      });
    const release = await slots.take(this.stopping.signal);
    try {
      await this.#runSteps();
    } finally {
      release();
    }
  }

  async #runSteps(): Promise<void> {
    const annotation = this.pod.metadata.annotations?.[podStepsAnnotation] ?? '{"steps":[],"results":[]}';
    const plan = JSON.parse(annotation) as PodSteps;
    const containers = new Map(
      (this.pod.spec?.containers ?? []).map((container) => [container.name, container]),
    );
    await this.volumes.prepare(this.pod);
    this.#scripts = join(this.context.layout.pod(this.pod.metadata.uid ?? ''), 'scripts');
    await mkdir(this.#scripts, { recursive: true });
    const stepNames = new Set(plan.steps.map(({ container }) => container));
    const logs: StartedContainer[] = [];
    for (const container of containers.values())
      if (!stepNames.has(container.name)) logs.push(await this.#sidecar(container));
    let failure: string | undefined;
    for (const step of plan.steps) {
      const container = containers.get(step.container);
      if (!container)
        throw new TagboatError(`step ${step.container} has no container`, { reason: 'Invalid' });
      if (failure !== undefined) this.#skip(container);
      else failure = await this.#step(container, step, plan);
      if (this.stopping.signal.aborted) return;
    }
    for (const { running, log } of logs) {
      running.stop(1000);
      await running.exited;
      await log.close();
    }
    await this.report(
      failure === undefined
        ? { phase: 'Succeeded' }
        : { phase: 'Failed', ...(failure ? { message: failure } : {}) },
    );
  }

  async #sidecar(container: Container): Promise<StartedContainer> {
    return this.startContainer(container, { command: container.command ?? [], args: container.args ?? [] });
  }

  #skip(container: Container): void {
    const now = timestamp(this.context.clock);
    this.#terminated(container, { exitCode: 1, reason: 'Skipped' }, { startedAt: now, results: [] });
  }

  /** Runs one step. @returns why the task must stop, or undefined to go on */
  async #step(container: Container, step: PodStep, plan: PodSteps): Promise<string | undefined> {
    const mounts = await this.volumes.mounts(container);
    const directories: StepDirectories = {
      results: PodVolumes.hostPath(mounts, '/tekton/results') ?? '',
      steps: PodVolumes.hostPath(mounts, '/tekton/steps') ?? '',
    };
    await mkdir(join(directories.steps, step.container, 'results'), { recursive: true });
    const rewrite = (text: string) => substituteStepResults(text, directories.steps);
    if (!(await whenStepRuns(step.when, rewrite))) {
      this.#terminated(
        container,
        { exitCode: 0, reason: 'Skipped' },
        { startedAt: timestamp(this.context.clock), results: [] },
      );
      return undefined;
    }
    const started = await this.#start(container, step, rewrite);
    await this.report({ phase: 'Running' });
    const end = await this.#await(started, step);
    const { results, problem } = await this.#results(directories, step, plan);
    await writeFile(join(directories.steps, step.container, 'exitCode'), String(end.exitCode));
    const tail = started.log.tail.findLast((line) => line.trim() !== '');
    await started.log.close();
    const continued = end.exitCode !== 0 && step.onError === 'continue';
    this.#terminated(container, continued ? { ...end, reason: 'Continued' } : end, {
      startedAt: started.startedAt,
      results,
    });
    if (problem) throw problem;
    if (end.exitCode === 0 || continued) return undefined;
    return end.reason === 'TimeoutExceeded' ? 'the step timed out' : (tail ?? '');
  }

  async #start(
    container: Container,
    step: PodStep,
    rewrite: (text: string) => Promise<string>,
  ): Promise<StartedContainer> {
    if (step.script === undefined)
      return this.startContainer(container, {
        command: container.command ?? [],
        args: container.args ?? [],
        rewrite,
      });
    const path = join(this.#scripts, step.container);
    await writeFile(path, await rewrite(step.script));
    await chmod(path, 0o755);
    const mounted: Container = {
      ...container,
      volumeMounts: [
        ...(container.volumeMounts ?? []),
        { name: this.volumes.scriptsVolume(this.#scripts), mountPath: '/tekton/scripts' },
      ],
    };
    return this.startContainer(mounted, {
      command: [`/tekton/scripts/${step.container}`],
      args: container.args ?? [],
      rewrite,
    });
  }

  async #await({ running }: StartedContainer, step: PodStep): Promise<StepEnd> {
    let timedOut = false;
    using _timer =
      step.timeoutMilliseconds === undefined
        ? undefined
        : this.context.clock.after(step.timeoutMilliseconds, () => {
            timedOut = true;
            running.stop(0);
          });
    const { exitCode, startError } = await running.exited;
    if (startError)
      throw new TagboatError(`cannot start ${step.container}: ${startError}`, {
        reason: 'ContainerCannotRun',
      });
    return timedOut ? { exitCode, reason: 'TimeoutExceeded' } : { exitCode };
  }

  async #results(
    directories: StepDirectories,
    step: PodStep,
    plan: PodSteps,
  ): Promise<{ results: RunResult[]; problem?: TagboatError }> {
    try {
      return { results: await readResults(directories, step, plan.results) };
    } catch (error) {
      if (error instanceof TagboatError) return { results: [], problem: error };
      throw new TagboatError(`cannot read the results of ${step.container}: ${describeError(error)}`, {
        reason: 'ResultsUnreadable',
      });
    }
  }

  #terminated(
    container: Container,
    end: StepEnd,
    { startedAt, results }: { startedAt: string; results: readonly RunResult[] },
  ): void {
    const internal: RunResult[] = [
      ...results,
      { key: 'StartedAt', value: startedAt, type: 3 },
      ...(end.reason ? [{ key: 'Reason', value: end.reason, type: 3 as const }] : []),
      ...(end.exitCode !== 0 ? [{ key: 'ExitCode', value: String(end.exitCode), type: 3 as const }] : []),
    ];
    this.setState(container, {
      terminated: {
        exitCode: end.reason === 'Continued' ? 0 : end.exitCode,
        reason: end.exitCode === 0 || end.reason === 'Continued' ? 'Completed' : 'Error',
        message: JSON.stringify(internal),
        startedAt,
        finishedAt: timestamp(this.context.clock),
      },
    });
  }
}
