import { type Condition, type Experiment, findCondition, type KubernetesObject } from '@tagboat/api';
import { type Place, placeOf } from '@tagboat/render/lineage';
import type { Gate } from '@tagboat/render/model-spec';
import { compareTags } from '@tagboat/render/versions';

/** What the page needs of a model; a share link gives no more. */
export interface ModelLike {
  readonly metadata: { readonly name: string; readonly namespace?: string | undefined };
  readonly spec?: {
    readonly deploy: readonly { readonly environment: string; readonly namespace?: string | undefined }[];
    readonly evaluate?: { readonly gates: readonly Gate[] } | undefined;
  };
}

export type Service = KubernetesObject<unknown, { url?: string; conditions?: Condition[] }>;

export interface Version {
  readonly experiment: Experiment;
  readonly spec: NonNullable<Experiment['spec']>;
  /** The tag, else the beginning of the commit. */
  readonly name: string;
  readonly at: string;
  /** Environments whose model this is. */
  readonly environments: readonly string[];
  readonly passed: boolean;
}

export interface Environment {
  readonly name: string;
  readonly namespace: string;
  readonly service?: Service;
  readonly place?: Place;
  readonly ready: boolean;
  /** Why it is not ready. */
  readonly message?: string;
}

/** The environments of a model with what serves there, in the order they are declared. */
export function environmentsOf(model: ModelLike, services: readonly Service[]): Environment[] {
  const project = model.metadata.namespace ?? '';
  return (model.spec?.deploy ?? []).map(({ environment, namespace }) => {
    const where = namespace ?? `${project}-${environment}`;
    const service = services.find(
      ({ metadata }) => metadata.namespace === where && metadata.name === model.metadata.name,
    );
    const condition = findCondition(service?.status?.conditions, 'Ready');
    const message = condition?.message || condition?.reason;
    return {
      name: environment,
      namespace: where,
      ...(service ? { service, place: placeOf(service) } : {}),
      ready: condition?.status === 'True',
      ...(message ? { message } : {}),
    };
  });
}

/** Every recorded experiment of a model, newest first. */
export function versionsOf(
  experiments: readonly Experiment[],
  environments: readonly Environment[],
): Version[] {
  return experiments
    .flatMap((experiment) => {
      const { spec, metadata } = experiment;
      if (!spec) return [];
      const serving = environments.filter(
        ({ place }) => place && place.run === spec.pipelineRun && place.modelDigest === spec.modelDigest,
      );
      return [
        {
          experiment,
          spec,
          name: spec.tag ?? spec.commit.slice(0, 7),
          at: metadata.creationTimestamp ?? '',
          environments: serving.map(({ name }) => name),
          passed: !/^(refused|failed|not passed)/im.test(spec.verdict ?? ''),
        },
      ];
    })
    .sort((a, b) => (a.at === b.at ? (compareTags(b.name, a.name) ?? 0) : a.at < b.at ? 1 : -1));
}

/** The newest version that a tag, a branch or a candidate made: what a pull request proposes is not the model's state. */
export const newestVersion = (versions: readonly Version[]): Version | undefined =>
  versions.find(({ spec }) => !/^pr-\d+$/.test(spec.tag ?? ''));

export interface GateState {
  readonly gate: Gate;
  readonly value: number | null | undefined;
  readonly passed: boolean;
  /** What it asks for, in words. */
  readonly wanted: string;
}

/** The gates of a model, and how a version stands at them. A metric that is missing fails. */
export function gatesOf(model: ModelLike, metrics: Readonly<Record<string, number | null>>): GateState[] {
  return (model.spec?.evaluate?.gates ?? []).map((gate) => {
    const value = metrics[gate.metric];
    const known = typeof value === 'number';
    const passed =
      known && (gate.min === undefined || value >= gate.min) && (gate.max === undefined || value <= gate.max);
    const bounds = [
      gate.min === undefined ? '' : `at least ${gate.min}`,
      gate.max === undefined ? '' : `at most ${gate.max}`,
      gate.notWorseThanDeployedBy === undefined
        ? ''
        : `at most ${gate.notWorseThanDeployedBy} worse than what is deployed`,
    ];
    return { gate, value, passed, wanted: bounds.filter(Boolean).join(', ') || 'present' };
  });
}

/** A number for people: as many digits as matter. */
export function numberText(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return 'none';
  if (Number.isInteger(value)) return value.toLocaleString('en');
  const digits = Math.abs(value) >= 100 ? 1 : Math.abs(value) >= 1 ? 3 : 4;
  return Number(value.toFixed(digits)).toString();
}

export const shortDigest = (digest: string | undefined) => (digest ?? '').replace('sha256:', '').slice(0, 12);
