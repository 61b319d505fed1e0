import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Container, type PodStep, type PodSteps, podStepsAnnotation } from '@tagboat/api';
import { delay, describeError, isReason, TagboatError, timestamp } from '@tagboat/base';
import { BackOff } from './back-off.ts';
import { lastWords } from './last-words.ts';
import { maskedValues } from './masked-values.ts';
import { PodWorker, type StartedContainer } from './pod-worker.ts';
import { cpuOfPod } from './slots.ts';
import { type Credentials, readCredentials } from './step-credentials.ts';
import { makeDirectories, type TektonDirectories } from './step-directories.ts';
import { type StepEnd, terminatedStep } from './step-end.ts';
import { StepFiles } from './step-files.ts';
import { openStepOutput, type StepOutput } from './step-output.ts';
import { StepReuseCache } from './step-reuse.ts';
import { sidecarReady } from './step-sidecars.ts';
import { EarlierSteps, readValues, type StepValues, tektonLimit } from './step-values.ts';
import { whenStepRuns } from './step-when.ts';
import { PodVolumes } from './volumes.ts';

interface Prepared {
  readonly plan: PodSteps;
  readonly containers: ReadonlyMap<string, Container>;
  readonly directories: TektonDirectories;
  readonly earlier: EarlierSteps;
  readonly credentials: Credentials | undefined;
}

const nothing: StepValues = { results: [], large: [] };

/** Runs a task's pod: its steps one after the other, sidecars alongside, as Tekton's entrypoint does on a cluster. */
export class StepPodWorker extends PodWorker {
  readonly #large = new Map<string, number>();
  readonly #files = new StepFiles(this.context, this.pod, this.volumes);
  #pullTime = 0;

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
      await this.#runTask(await this.#prepare());
    } finally {
      release();
    }
  }

  async #prepare(): Promise<Prepared> {
    const { context, pod } = this;
    const plan = JSON.parse(
      pod.metadata.annotations?.[podStepsAnnotation] ?? '{"steps":[],"results":[]}',
    ) as PodSteps;
    this.#pullTime = plan.imagePullMilliseconds ?? 0;
    const containers = new Map((pod.spec?.containers ?? []).map((container) => [container.name, container]));
    await this.volumes.prepare(pod);
    const own = context.layout.pod(pod.metadata.uid ?? '');
    await this.#files.prepare();
    const names = plan.credentials ?? [];
    const credentials = names.length > 0 ? await readCredentials(context.store, pod, names) : undefined;
    this.volumes.secrets.push(...(credentials?.secrets ?? []), ...(await maskedValues(context.store, pod)));
    const first = containers.get(plan.steps[0]?.container ?? '');
    const mounts = first ? await this.volumes.mounts(first) : [];
    const behind = (path: string) => PodVolumes.hostPath(mounts, path) ?? join(own, path);
    if (!this.volumes.has('tekton-creds')) this.volumes.addDirectory('tekton-creds', join(own, 'creds'));
    const directories = await makeDirectories(plan.steps, {
      results: behind('/tekton/results'),
      artifacts: behind('/tekton/artifacts'),
      steps: behind('/tekton/steps'),
      run: behind('/tekton/run'),
      creds: this.volumes.directory('tekton-creds'),
      isolated: context.driver.isolatesFiles,
    });
    return {
      plan,
      containers,
      directories,
      credentials,
      earlier: new EarlierSteps(directories, context.layout.results),
    };
  }

  async #runTask(prepared: Prepared): Promise<void> {
    const { plan } = prepared;
    const reuse = await StepReuseCache.open(this.context.layout, plan, {
      hostPath: (path) => this.#hostPath(prepared, path),
      results: prepared.directories.results,
    });
    if (reuse && (await reuse.restore())) return this.#reused(prepared, reuse.key);
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
      ...this.#conditions(),
    });
  }

  async #runSteps(prepared: Prepared): Promise<string | undefined> {
    const { plan, containers } = prepared;
    for (const { container } of plan.steps)
      this.setState(containers.get(container)!, { waiting: { reason: 'PodInitializing' } });
    let failure: string | undefined;
    for (const [index, step] of plan.steps.entries()) {
      const container = containers.get(step.container);
      if (!container)
        throw new TagboatError(`step ${step.container} has no container`, { reason: 'Invalid' });
      if (failure === undefined) failure = await this.#step(prepared, { container, step, index });
      else
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
  async #step(
    prepared: Prepared,
    { container, step, index }: { container: Container; step: PodStep; index: number },
  ): Promise<string | undefined> {
    const { earlier, directories } = prepared;
    const exitCode = (code: number) => writeFile(join(directories.status(step), 'exitCode'), String(code));
    if (!(await whenStepRuns(step.when, earlier))) {
      await exitCode(0);
      this.#ended(
        container,
        { exitCode: 0, reason: 'Skipped' },
        { startedAt: timestamp(this.context.clock) },
      );
      return undefined;
    }
    const ready = await this.#containerFor(prepared, { container, step, index });
    const output = await openStepOutput(step, (path) => this.#hostPath(prepared, path, container));
    const { started, end, began, ended } = await this.#toItsEnd(ready, step, output);
    const { values, problem } = await this.#values(prepared, step);
    const words = lastWords(started.log.tail);
    await started.close();
    const continued = end.exitCode !== 0 && step.onError === 'continue' && end.reason === undefined;
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

  /** The container of a step with the values of earlier steps in it, its script placed, its home made. */
  async #containerFor(
    { earlier, credentials }: Prepared,
    { container, step, index }: { container: Container; step: PodStep; index: number },
  ): Promise<Container> {
    const env = await Promise.all(
      (container.env ?? []).map(async (item) =>
        item.value === undefined ? item : { ...item, value: await earlier.text(item.value) },
      ),
    );
    const script = step.script === undefined ? undefined : `script-${index}`;
    if (script) await this.#files.place(script, await earlier.text(step.script!));
    const command = script ? [`/tekton/scripts/${script}`] : await earlier.words(container.command ?? []);
    const ready = await this.#files.withHome({
      ...container,
      command,
      args: await earlier.words(container.args ?? []),
      env,
      volumeMounts: [
        ...(container.volumeMounts ?? []),
        { name: 'tekton-internal-scripts', mountPath: '/tekton/scripts', readOnly: true },
      ],
    });
    if (credentials) await this.#files.giveCredentials(ready, credentials, index);
    return ready;
  }

  async #toItsEnd(container: Container, step: PodStep, output: StepOutput) {
    try {
      const began = this.context.clock.now();
      const started = await this.#start(container, output);
      await this.report({ phase: 'Running' });
      const end = await this.#await(started, step);
      return { started, end, began, ended: this.context.clock.now() };
    } finally {
      await output.close();
    }
  }

  /** Starts a step; an image that cannot be had is tried again for as long as the platform's settings say. */
  async #start(container: Container, output: StepOutput): Promise<StartedContainer> {
    const { clock } = this.context;
    const began = clock.monotonic();
    const pulls = new BackOff();
    for (;;)
      try {
        return await this.startContainer(container, {
          command: container.command ?? [],
          args: container.args ?? [],
          cmdTakesArgs: true,
          onOutput: (stream, data) => output.write(stream, data),
          stage: this.stageOf(container),
        });
      } catch (error) {
        const wait = pulls.next(0);
        const left = this.#pullTime - (clock.monotonic() - began);
        if (!isReason(error, 'ImagePullFailed') || left <= 0) throw error;
        this.setState(container, { waiting: { reason: 'ImagePullBackOff', message: describeError(error) } });
        await this.report({ phase: 'Pending' });
        await delay(clock, Math.min(wait, left), this.stopping.signal);
      }
  }

  async #startSidecars({ plan, containers, earlier }: Prepared): Promise<StartedContainer[]> {
    const steps = new Set(plan.steps.map(({ container }) => container));
    const scripts = new Map((plan.sidecars ?? []).map(({ container, script }) => [container, script]));
    const sidecars = [...containers.values()].filter(({ name }) => !steps.has(name));
    const started: StartedContainer[] = [];
    for (const [index, sidecar] of sidecars.entries()) {
      const script = scripts.get(sidecar.name);
      if (script !== undefined)
        await this.#files.place(`sidecar-script-${index}`, await earlier.text(script));
      const mounted = await this.#files.withHome({
        ...sidecar,
        ...(script === undefined ? {} : { command: [`/tekton/scripts/sidecar-script-${index}`] }),
        volumeMounts: [
          ...(sidecar.volumeMounts ?? []),
          { name: 'tekton-internal-scripts', mountPath: '/tekton/scripts', readOnly: true },
        ],
      });
      started.push(await this.#startSidecar(mounted));
    }
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

  async #await({ running, group }: StartedContainer, step: PodStep): Promise<StepEnd> {
    let timedOut = false;
    using _timer =
      step.timeoutMilliseconds === undefined
        ? undefined
        : this.context.clock.after(step.timeoutMilliseconds, () => {
            timedOut = true;
            running.stop(0);
          });
    const { exitCode, startError, outOfMemory: told } = await running.exited;
    if (startError)
      throw new TagboatError(`cannot start ${step.container}: ${startError}`, {
        reason: 'ContainerCannotRun',
      });
    if (timedOut) return { exitCode, reason: 'TimeoutExceeded' };
    const outOfMemory = exitCode !== 0 && (told ?? (await group?.outOfMemory()) ?? false);
    return { exitCode, outOfMemory };
  }

  async #values(
    { directories, plan }: Prepared,
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
  async #reused({ plan, containers, directories }: Prepared, key: string): Promise<void> {
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

  #conditions() {
    if (this.#large.size === 0) return {};
    const sizes = [...this.#large].map(([name, size]) => `${name} has ${size} bytes`).join(', ');
    const message = `a cluster would refuse results of more than ${tektonLimit} bytes: ${sizes}`;
    return {
      conditions: [
        {
          type: 'ResultsLargerThanTekton',
          status: 'True' as const,
          reason: 'ResultLargerThanAllowedLimit',
          message,
          lastTransitionTime: timestamp(this.context.clock),
        },
      ],
    };
  }

  /** Where the host has a path that the steps see; undefined where it belongs to no volume. */
  async #hostPath(
    { plan, containers }: Prepared,
    path: string,
    container?: Container,
  ): Promise<string | undefined> {
    const seenBy = container ?? containers.get(plan.steps[0]?.container ?? '');
    return seenBy && PodVolumes.safeHostPath(await this.volumes.mounts(seenBy), path);
  }
}
