import { type KubernetesObject, type LabelSelector, selectorRequirements } from '@tagboat/api';
import type { ScalePaths } from './kinds.ts';
import { badRequest, StatusError } from './status.ts';

/** autoscaling/v1 Scale. */
export interface ScaleObject {
  readonly kind: 'Scale';
  readonly apiVersion: 'autoscaling/v1';
  readonly metadata: KubernetesObject['metadata'];
  readonly spec: { readonly replicas?: number };
  readonly status: { readonly replicas: number; readonly selector?: string };
}

type Fields = Record<string, unknown>;

function at(object: unknown, path: readonly string[]): unknown {
  let found = object;
  for (const part of path) found = (found as Fields | undefined)?.[part];
  return found;
}

export function scaleOf(object: KubernetesObject, paths: ScalePaths): ScaleObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = paths.selector && at(object, paths.selector);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec: { replicas: Number(at(object, paths.specReplicas) ?? 0) },
    status: {
      replicas: Number(at(object, paths.statusReplicas) ?? 0),
      ...(selector === undefined ? {} : { selector: selectorText(selector) }),
    },
  };
}

function selectorText(selector: unknown): string {
  if (typeof selector === 'string') return selector;
  return selectorRequirements(selector as LabelSelector)
    .map(({ key, operator, values }) => {
      if (operator === 'Exists') return key;
      if (operator === 'DoesNotExist') return `!${key}`;
      if (operator === 'In' && values.length === 1) return `${key}=${values[0]}`;
      return `${key} ${operator.toLowerCase()} (${values.join(',')})`;
    })
    .join(',');
}

/** The object with the replicas that a Scale wants. @throws `BadRequest`, `Invalid` */
export function scaled(object: KubernetesObject, wanted: ScaleObject, paths: ScalePaths): KubernetesObject {
  const replicas = wanted.spec?.replicas ?? 0;
  if (!Number.isInteger(replicas)) throw badRequest('expected a whole number at spec.replicas of the Scale');
  if (replicas < 0)
    throw new StatusError(
      422,
      'Invalid',
      `Scale.autoscaling "${object.metadata.name}" is invalid: spec.replicas: Invalid value: ${replicas}: must be greater than or equal to 0`,
      {
        causes: [
          {
            reason: 'FieldValueInvalid',
            message: 'must be greater than or equal to 0',
            field: 'spec.replicas',
          },
        ],
      },
    );
  let place = object as unknown as Fields;
  for (const part of paths.specReplicas.slice(0, -1)) {
    place[part] ??= {};
    place = place[part] as Fields;
  }
  place[paths.specReplicas.at(-1)!] = replicas;
  return object;
}
