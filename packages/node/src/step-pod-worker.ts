import { join } from 'node:path';
import { atBreakpoint, type Container, findCondition, type PodStep, withCondition } from '@tagboat/api';
import { delay, describeError, isReason, TagboatError, timestamp } from '@tagboat/base';
import { awaitStep } from './await-step.ts';
import { BackOff } from './back-off.ts';
import { writeStepFile } from './inside.ts';
import { PodWorker, type StartedContainer } from './pod-worker.ts';
import { type PreparedTask, planOf, prepareTask } from './prepare-task.ts';
import { readySidecars, readyStep, type TaskStep } from './ready-container.ts';
import { cpuOfPod } from './slots.ts';
import { type BreakpointWait, breakpointCondition, type DebuggedStep } from './step-debug.ts';
import { readyDebug } from './step-debug-files.ts';
import { type StepEnd, terminatedStep } from './step-end.ts';
import { StepFiles } from './step-files.ts';
import { openStepOutput, type StepOutput } from './step-output.ts';
import { StepReuseCache } from './step-reuse.ts';
import { sidecarReady } from './step-sidecars.ts';
import { largeResultsCondition, readValues, type StepValues } from './step-values.ts';
import { whenStepRuns } from './step-when.ts';
import { PodVolumes } from './volumes.ts';

const nothing: StepValues = { results: [], large: [] };

/** Runs a task's pod: its steps one after the other, sidecars alongside, as Tekton's entrypoint does on a cluster. */
export class StepPodWorker extends PodWorker {
  readonly #large = new Map<string, number>();
  readonly #files = new StepFiles(this.context, this.pod, this.volumes);

  protected async run(): Promise<void> {
    const { slots } = this.context;
    const cpu = cpuOfPod(this.pod);
    if (!slots.fits(cpu))
      await this.report({
        phase: 'Pending',
        message: 'waits until a task that runs now has ended (Insufficient cpu)',
      });
    const release = await slots.take(this.stopping.signal, cpu);
    try {
      const { context, pod, volumes } = this;
      await this.#runTask(await prepareTask({ context, pod, volumes }, this.#files));
    } finally {
      release();
    }
  }

  async #runTask(prepared: PreparedTask): Promise<void> {
    const { plan } = prepared;
    const reuse = await StepReuseCache.open(this.context.layout, plan, {
      hostPath: (path) => this.#hostPath(prepared, path),
      results: prepared.directories.results,
    });
    if (reuse && (await reuse.restore())) return this.#reused(prepared, reuse.key);
    // A life before this one may have ended at a breakpoint.
    if (findCondition(this.pod.status?.conditions, atBreakpoint)) await this.#waits(undefined);
    const sidecars = await this.#startSidecars(prepared);
    const failure = await this.#runSteps(prepared);
    if (this.stopping.signal.aborted) return;
    for (const sidecar of sidecars) {
      sidecar.running.stop(1000);
      await sidecar.running.exited;
      await sidecar.close();
    }
    if (failure === undefined) await reuse?.keep();
    await this.report({
      ...(failure === undefined
        ? { phase: 'Succeeded' as const }
        : { phase: 'Failed' as const, ...(failure ? { message: failure } : {}) }),
      ...(this.#large.size > 0
        ? { conditions: [largeResultsCondition(this.#large, timestamp(this.context.clock))] }
        : {}),
    });
  }

  async #runSteps(prepared: PreparedTask): Promise<string | undefined> {
    const { plan, containers } = prepared;
    for (const { container } of plan.steps)
      this.setState(containers.get(container)!, { waiting: { reason: 'PodInitializing' } });
    let failure: string | undefined;
    for (const [index, step] of plan.steps.entries()) {
      const container = containers.get(step.container);
      if (!container)
        throw new TagboatError(`step ${step.container} has no container`, { reason: 'Invalid' });
      if (failure === undefined || step.breakpoints?.onFailure) {
        const failed = await this.#step(prepared, { container, step, index });
        failure ??= failed;
      } else
        this.#ended(
          container,
          { exitCode: 1, reason: 'Skipped' },
          { startedAt: timestamp(this.context.clock) },
        );
      if (this.stopping.signal.aborted) return failure;
    }
    return failure;
  }

  /** Runs one step. @returns why the task must stop, or undefined to go on */
  async #step(prepared: PreparedTask, { container, step, index }: TaskStep): Promise<string | undefined> {
    const { earlier, directories } = prepared;
    const exitCode = (code: number) =>
      writeStepFile(directories.own(step), join(directories.status(step), 'exitCode'), String(code));
    if (!(await whenStepRuns(step.when, earlier))) {
      await exitCode(0);
      this.#ended(
        container,
        { exitCode: 0, reason: 'Skipped' },
        { startedAt: timestamp(this.context.clock) },
      );
      return undefined;
    }
    const ready = await readyStep(prepared, this.#files, { container, step, index });
    const output = await openStepOutput(step, (path) => this.#hostPath(prepared, path, container));
    const { pod, volumes } = this;
    const debugged = readyDebug(
      { container: ready, step, index },
      { pod, volumes, files: this.#files, directory: directories.own(step) },
    );
    const { started, end, words, began, ended } = await this.#toItsEnd(ready, { step, output, debugged });
    const { values, problem } = await this.#values(prepared, step);
    await started.close();
    const { onError, breakpoints } = step;
    const ignored = onError === 'continue' && !breakpoints?.onFailure;
    const continued = end.exitCode !== 0 && ignored && end.reason === undefined;
    await exitCode(end.exitCode);
    this.#ended(container, continued ? { ...end, reason: 'Continued' } : end, {
      startedAt: started.startedAt,
      values,
      exact: { startedAt: began, finishedAt: ended },
    });
    if (problem) throw problem;
    if (end.exitCode === 0 || continued) return undefined;
    return end.reason === 'TimeoutExceeded' ? 'the step timed out' : words;
  }

  async #toItsEnd(
    container: Container,
    { step, output, debugged }: { step: PodStep; output: StepOutput; debugged: DebuggedStep | undefined },
  ) {
    const { clock } = this.context;
    try {
      const began = clock.now();
      const started = await this.#start(container, output, debugged?.entrypoint);
      await this.report({ phase: 'Running' });
      const report = (at: BreakpointWait | undefined) => this.#waits(at);
      const course = await awaitStep(started, { step, clock, debugged, report });
      return { began, ...course, started, ended: clock.now() };
    } finally {
      await output.close();
    }
  }

  /** Tells in the pod's status that a step waits at a breakpoint, or that none does. */
  #waits(at: BreakpointWait | undefined): Promise<void> {
    return this.report(({ conditions }) =>
      at || findCondition(conditions, atBreakpoint)
        ? { conditions: withCondition(conditions, breakpointCondition(at), timestamp(this.context.clock)) }
        : {},
    );
  }

  /** Starts a step; an image that cannot be had is tried again for as long as the platform's settings say. */
  async #start(container: Container, output: StepOutput, startedBy?: string): Promise<StartedContainer> {
    const { clock } = this.context;
    const pullTime = planOf(this.pod).imagePullMilliseconds ?? 0;
    const began = clock.monotonic();
    const pulls = new BackOff();
    for (;;)
      try {
        return await this.startContainer(container, {
          command: container.command ?? [],
          args: container.args ?? [],
          cmdTakesArgs: true,
          ...(startedBy ? { startedBy } : {}),
          onOutput: (stream, data) => output.write(stream, data),
          stage: this.stageOf(container),
        });
      } catch (error) {
        const wait = pulls.next(0);
        const left = pullTime - (clock.monotonic() - began);
        if (!isReason(error, 'ImagePullFailed') || left <= 0) throw error;
        this.setState(container, { waiting: { reason: 'ImagePullBackOff', message: describeError(error) } });
        await this.report({ phase: 'Pending' });
        await delay(clock, Math.min(wait, left), this.stopping.signal);
      }
  }

  async #startSidecars(prepared: PreparedTask): Promise<StartedContainer[]> {
    const sidecars = await readySidecars(prepared, this.#files);
    const started: StartedContainer[] = [];
    for (const sidecar of sidecars) started.push(await this.#startSidecar(sidecar));
    const { clock } = this.context;
    const { signal } = this.stopping;
    const waits = sidecars.map((sidecar, index) =>
      sidecarReady({ container: sidecar, running: started[index]!.running, clock, signal }),
    );
    await Promise.all(waits);
    return started;
  }

  async #startSidecar(container: Container): Promise<StartedContainer> {
    const started = await this.startContainer(container, {
      command: container.command ?? [],
      args: container.args ?? [],
      cmdTakesArgs: true,
      stage: this.stageOf(container),
    });
    void started.running.exited.then(({ exitCode }) =>
      this.setState(container, {
        terminated: {
          exitCode,
          reason: exitCode === 0 ? 'Completed' : 'Error',
          startedAt: started.startedAt,
          finishedAt: timestamp(this.context.clock),
        },
      }),
    );
    return started;
  }

  async #values(
    { directories, plan }: PreparedTask,
    step: PodStep,
  ): Promise<{ values: StepValues; problem?: TagboatError }> {
    try {
      const values = await readValues({
        directories,
        step,
        taskResults: plan.results,
        artifacts: this.context.layout.results,
      });
      for (const { name, size } of values.large) this.#large.set(name, size);
      return { values };
    } catch (error) {
      if (error instanceof TagboatError) return { values: nothing, problem: error };
      throw new TagboatError(`cannot read the results of ${step.container}: ${describeError(error)}`, {
        reason: 'ResultsUnreadable',
      });
    }
  }

  #ended(
    container: Container,
    end: StepEnd,
    more: { startedAt: string; values?: StepValues; exact?: { startedAt: number; finishedAt: number } },
  ): void {
    const finishedAt = timestamp(this.context.clock);
    const { startedAt, values = nothing, exact } = more;
    this.setState(
      container,
      terminatedStep(end, { startedAt, finishedAt, results: values.results, ...(exact ? { exact } : {}) }),
    );
  }

  /** A task whose work was done before: its steps did not run, its results are those of then. */
  async #reused({ plan, containers, directories }: PreparedTask, key: string): Promise<void> {
    const startedAt = timestamp(this.context.clock);
    for (const [index, step] of plan.steps.entries()) {
      const last = index === plan.steps.length - 1;
      const values = last
        ? await readValues({
            directories,
            step,
            taskResults: plan.results,
            artifacts: this.context.layout.results,
          })
        : nothing;
      this.#ended(containers.get(step.container)!, { exitCode: 0, reason: 'Skipped' }, { startedAt, values });
    }
    const now = startedAt;
    await this.report({
      phase: 'Succeeded',
      conditions: [
        { type: 'Reused', status: 'True', reason: 'SameInputs', message: key, lastTransitionTime: now },
      ],
    });
  }

  /** Where the host has a path that the steps see; undefined where it belongs to no volume. */
  #hostPath({ plan, containers }: PreparedTask, path: string, container?: Container): string | undefined {
    const seenBy = container ?? containers.get(plan.steps[0]?.container ?? '');
    return seenBy && PodVolumes.safeHostPath(this.volumes.mounts(seenBy), path);
  }
}
