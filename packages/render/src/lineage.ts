import type { Experiment, KubernetesObject } from '@tagboat/api';
import { releaseAnnotations } from './release-annotations.ts';

/** One model in one environment, and what was released there. */
export interface Place {
  /** The environment's namespace. */
  readonly environment: string;
  readonly model: string;
  readonly tag: string;
  readonly image: string;
  readonly modelDigest: string;
  readonly commit: string;
  readonly run: string;
  readonly data: Readonly<Record<string, string>>;
}

/** What an InferenceService's annotations say about its release. */
export function placeOf({ metadata, spec }: KubernetesObject): Place {
  const note = metadata.annotations ?? {};
  const image = (spec as { predictor?: { containers?: readonly { image?: string }[] } } | undefined)
    ?.predictor?.containers?.[0]?.image;
  return {
    environment: metadata.namespace ?? '',
    model: metadata.name,
    tag: note[releaseAnnotations.tag] ?? '',
    image: image ?? '',
    modelDigest: note[releaseAnnotations.modelDigest] ?? '',
    commit: note[releaseAnnotations.commit] ?? '',
    run: note[releaseAnnotations.run] ?? '',
    data: digests(note[releaseAnnotations.data]),
  };
}

function digests(text: string | undefined): Record<string, string> {
  try {
    return JSON.parse(text || '{}') as Record<string, string>;
  } catch {
    return {};
  }
}

/** Whether an experiment is meant by its name, model or tag, or by the beginning of a digest or commit (7 characters or more). */
export function isMeant({ metadata, spec }: Experiment, what: string): boolean {
  if (!spec) return false;
  if ([metadata.name, spec.model, spec.tag].includes(what)) return true;
  const plain = what.replace('sha256:', '');
  const known = [spec.modelDigest, spec.imageDigest, spec.commit, spec.notebook, ...Object.values(spec.data)];
  return plain.length >= 7 && known.some((digest) => digest?.replace('sha256:', '').startsWith(plain));
}

export type Trace = NonNullable<Experiment['spec']> & {
  readonly project: string;
  readonly experiment: string;
  /** Where its model serves now. */
  readonly serving: readonly Place[];
};

/** An experiment with everything that it came from and that came from it. */
export function traceOf({ metadata, spec }: Experiment, places: readonly Place[]): Trace {
  return {
    ...spec!,
    project: metadata.namespace ?? '',
    experiment: metadata.name,
    serving: places.filter(({ modelDigest }) => modelDigest !== '' && modelDigest === spec?.modelDigest),
  };
}
