import { type KubernetesObject, type Secret, withPlainData } from '@tagboat/api';
import { canonicalJson } from '@tagboat/base';
import { lastAppliedAnnotation, trackingAnnotation } from './application.ts';

type Json = Record<string, unknown>;
const isMap = (value: unknown): value is Json =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

const serverFields = new Set([
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'managedFields',
  'selfLink',
  'deletionTimestamp',
]);

/** An object without what a server adds and without status. */
export function normalise(object: KubernetesObject): KubernetesObject {
  const { status: _, ...rest } = object;
  const metadata = Object.fromEntries(
    Object.entries(object.metadata).filter(([key]) => !serverFields.has(key)),
  );
  return { ...rest, metadata } as unknown as KubernetesObject;
}

/**
 * The paths where a live object is not what is desired: a desired field that is absent or different, or a field that
 * was applied before and is no longer desired. Fields that only the live object has are defaults, and no difference.
 */
export function differences(
  desired: KubernetesObject,
  live: KubernetesObject,
  ignored: readonly string[] = [],
): string[] {
  const found: string[] = [];
  compare(normalise(desired), normalise(live), { path: '', found });
  const previous = lastApplied(live);
  if (previous) removed(previous, normalise(desired), { live: normalise(live), path: '', found });
  return found.filter(
    (path) => !ignored.some((pointer) => path === pointer || path.startsWith(`${pointer}/`)),
  );
}

function compare(desired: unknown, live: unknown, { path, found }: { path: string; found: string[] }): void {
  if (isMap(desired)) {
    for (const [key, value] of Object.entries(desired)) {
      if (value === null) continue;
      compare(value, isMap(live) ? live[key] : undefined, { path: `${path}/${pointer(key)}`, found });
    }
    if (!isMap(live) && Object.keys(desired).length > 0 && live !== undefined) found.push(path);
    return;
  }
  if (Array.isArray(desired) && Array.isArray(live) && desired.length === live.length) {
    for (const [index, item] of desired.entries())
      compare(item, live[index], { path: `${path}/${index}`, found });
    return;
  }
  if (Array.isArray(desired) && desired.length === 0 && live === undefined) return;
  if (canonicalJson(desired ?? null) !== canonicalJson(live ?? null)) found.push(path);
}

function removed(
  previous: unknown,
  desired: unknown,
  place: { live: unknown; path: string; found: string[] },
): void {
  if (!isMap(previous)) return;
  for (const [key, value] of Object.entries(previous)) {
    const live = isMap(place.live) ? place.live[key] : undefined;
    const path = `${place.path}/${pointer(key)}`;
    if (live === undefined) continue;
    const wanted = isMap(desired) ? desired[key] : undefined;
    if (wanted === undefined || wanted === null) place.found.push(path);
    else removed(value, wanted, { live, path, found: place.found });
  }
}

const pointer = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1');

export function lastApplied(live: KubernetesObject): Json | undefined {
  const text = live.metadata.annotations?.[lastAppliedAnnotation];
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    // An annotation that somebody spoilt tells nothing; the comparison is then two-way.
    return undefined;
  }
}

/** The desired object as it is stored: tracked, and with what was applied for the next three-way comparison. */
export function tracked(declared: KubernetesObject, trackingId: string): KubernetesObject {
  // As it is stored, so that it can be compared.
  const desired = declared.kind === 'Secret' ? withPlainData(declared as Secret) : declared;
  const annotations = { ...desired.metadata.annotations, [trackingAnnotation]: trackingId };
  const plain = { ...desired, metadata: { ...desired.metadata, annotations } };
  return {
    ...plain,
    metadata: {
      ...plain.metadata,
      annotations: { ...annotations, [lastAppliedAnnotation]: canonicalJson(plain) },
    },
  };
}

/** A live object with the desired one applied: three-way, so that what others set stays (kubectl apply). */
export function applied(live: KubernetesObject, desired: KubernetesObject): KubernetesObject {
  const previous = lastApplied(live) ?? {};
  const merged = merge(live as unknown as Json, desired as unknown as Json, previous);
  return {
    ...merged,
    metadata: { ...(merged.metadata as object), resourceVersion: live.metadata.resourceVersion },
  } as unknown as KubernetesObject;
}

function merge(live: Json, desired: Json, previous: Json): Json {
  const result: Json = { ...live };
  for (const key of Object.keys(previous)) if (!(key in desired)) delete result[key];
  for (const [key, value] of Object.entries(desired)) {
    if (value === null) delete result[key];
    else if (isMap(value))
      result[key] = merge(
        isMap(live[key]) ? (live[key] as Json) : {},
        value,
        isMap(previous[key]) ? (previous[key] as Json) : {},
      );
    else result[key] = value;
  }
  return result;
}
