import type { HandledRef } from '@tagboat/api';

const day = 24 * 3600_000;
const most = 3;
const prefix = 'refs/tags/';

/**
 * Why tags that were pushed within a day run nothing, newest first: who pushed one looks for its run.
 * @param now milliseconds since the epoch
 */
export function silentTags(handled: readonly HandledRef[], now: number): string[] {
  return handled
    .filter(({ spec }) => spec?.ref.startsWith(prefix) && spec.pipelineRuns.length === 0 && spec.reason)
    .map(({ metadata, spec }) => ({ spec: spec!, at: Date.parse(metadata.creationTimestamp ?? '') }))
    .filter(({ at }) => now - at < day)
    .sort((a, b) => b.at - a.at)
    .slice(0, most)
    .map(
      ({ spec }) => `tag ${spec.ref.slice(prefix.length)} of ${spec.repository} runs nothing: ${spec.reason}`,
    );
}
