import type { Pipeline, PipelineRun, PipelineRunStatus, PipelineSpec } from '@tagboat/api';
import { describeError, TagboatError } from '@tagboat/base';
import type { Reader } from '@tagboat/store';
import { decodePipelineSpec } from './decode.ts';
import type { Registries } from './resolver-tools.ts';
import { resolveReference } from './resolvers.ts';
import { refused } from './run-checks.ts';

/** A pipeline as a run is going to use it, and what of it goes on to the run. */
export interface ResolvedPipeline {
  readonly spec: PipelineSpec;
  readonly name: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly provenance?: PipelineRunStatus['provenance'];
}

/** The pipeline that a run means, inline or by reference. @throws a refusal with Tekton's reason and message */
export async function resolvePipeline(
  reader: Reader,
  run: PipelineRun,
  registries?: Registries,
): Promise<ResolvedPipeline> {
  const { pipelineSpec, pipelineRef } = run.spec ?? {};
  const { namespace = '', name } = run.metadata;
  if (pipelineSpec) return { spec: pipelineSpec, name };
  if (!pipelineRef)
    throw refused(
      'CouldntGetPipeline',
      'expected exactly one, got neither: spec.pipelineRef, spec.pipelineSpec',
    );
  try {
    const request = { reader, namespace, kind: 'Pipeline' as const, ...(registries ? { registries } : {}) };
    const { object, source } = await resolveReference<Pipeline>(request, pipelineRef);
    return {
      spec: decodePipelineSpec(object.spec!),
      name: object.metadata.name,
      labels: object.metadata.labels ?? {},
      annotations: withoutApplied(object.metadata.annotations),
      ...(source ? { provenance: { refSource: source } } : {}),
    };
  } catch (error) {
    if (!(error instanceof TagboatError) || error.retryable) throw error;
    const what = pipelineRef.resolver
      ? `error when fetching pipeline for PipelineRun ${name}`
      : `error when getting Pipeline for PipelineRun ${name}: tekton client cannot get pipeline ${pipelineRef.name} from local cluster`;
    throw refused(
      'CouldntGetPipeline',
      `Error retrieving pipeline for pipelinerun ${namespace}/${name}: ${what}: ${describeError(error)}`,
    );
  }
}

function withoutApplied(annotations: Record<string, string> = {}): Record<string, string> {
  const { 'kubectl.kubernetes.io/last-applied-configuration': _, ...rest } = annotations;
  return rest;
}
