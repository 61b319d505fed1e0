import { chmodSync, mkdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { PodStep } from '@tagboat/api';

/** The host's directories behind what steps see below `/tekton`, as they were before the first step. */
export interface TektonDirectories {
  readonly results: string;
  readonly artifacts: string;
  /** Behind a step's own `/tekton/run/<i>`; what is in it the step may have replaced. */
  own(step: Pick<PodStep, 'container'>): string;
  /** `status` in there, which steps see as `/tekton/steps/<name>`. */
  status(step: Pick<PodStep, 'container'>): string;
}

interface Layout {
  /** Behind `/tekton/results`, `/tekton/artifacts`, `/tekton/steps`, `/tekton/run`, `/tekton/creds`. */
  readonly results: string;
  readonly artifacts: string;
  readonly steps: string;
  readonly run: string;
  readonly creds: string;
  /** False where steps see the host's paths. */
  readonly isolated: boolean;
}

/**
 * Makes what Tekton's entrypoint makes before the first step: for each step a directory that only it can write, and
 * links to it by the step's name and number (`/tekton/steps/step-x`, `/tekton/steps/0`).
 *
 * All of it at once: a turn through the thread pool for each of these took ten times as long as what is done there.
 */
export function makeDirectories(steps: readonly PodStep[], layout: Layout): TektonDirectories {
  const indexes = new Map(steps.map(({ container }, index) => [container, index]));
  for (const path of [layout.steps, layout.run, layout.creds]) mkdirSync(path, { recursive: true });
  open(layout.results);
  open(layout.artifacts);
  for (const [container, index] of indexes) {
    const own = join(layout.run, String(index));
    for (const path of [own, join(own, 'status'), join(own, 'status/results'), join(own, 'status/artifacts')])
      open(path);
    open(join(layout.creds, String(index)));
    const target = layout.isolated ? `/tekton/run/${index}/status` : join(own, 'status');
    for (const name of [container, String(index)]) link(target, join(layout.steps, name));
  }
  const [results, artifacts, run] = [layout.results, layout.artifacts, layout.run].map((path) =>
    realpathSync.native(path),
  );
  const own: TektonDirectories['own'] = ({ container }) => join(run!, String(indexes.get(container) ?? 0));
  return { results: results!, artifacts: artifacts!, own, status: (step) => join(own(step), 'status') };
}

/** Steps may run as any user. */
function open(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o777);
}

function link(target: string, path: string): void {
  rmSync(path, { recursive: true, force: true });
  symlinkSync(target, path);
}
