import { join } from 'node:path';
import { notFound } from '@tagboat/base';
import { EventRecorder } from '@tagboat/controller';
import { DriftWatch } from '@tagboat/monitoring';
import { referenceFileName } from '@tagboat/render';
import type { FastifyInstance } from 'fastify';
import type { Core } from './core.ts';
import type { Images } from './images.ts';
import type { Measurements } from './measurements.ts';

/** Begins to watch the inputs of what is served. */
export function watchDrift(
  { store, clock, home, ...core }: Core,
  { measurements, images }: { measurements: Measurements; images: Images },
): Promise<DriftWatch> {
  const log = core.log.with({ part: 'drift' });
  return new DriftWatch({
    store,
    clock,
    log,
    events: new EventRecorder({ store, clock, log, component: 'drift' }),
    directory: join(home, 'metrics', 'drift'),
    targets: measurements.targets,
    reference: async ({ image, modelDigest }) => {
      const bytes = await images.modelFile(image, modelDigest, referenceFileName);
      return bytes && (JSON.parse(bytes.toString('utf8')) as unknown);
    },
  }).start();
}

/** `/tagboat/drift/<project>/<model>`: a `DriftReport`. */
export function driftRoutes(scope: FastifyInstance, watch: () => DriftWatch | undefined): void {
  scope.get<{ Params: { project: string; model: string } }>(
    '/tagboat/drift/:project/:model',
    async ({ params: { project, model } }) => {
      const report = watch()?.report(project, model);
      if (!report)
        throw notFound(`the inputs of ${project}/${model} are not watched`, {
          hint: 'declare monitor: { drift: {} } in tagboat.yaml, and release; it is looked at each 15 s',
        });
      return report;
    },
  );
}
