import type { KubernetesObject } from '@tagboat/api';
import type { Definitions, Schema } from '../schema/schema.ts';
import { type Cause, StatusError } from '../status.ts';
import {
  describePaths,
  difference,
  type FieldSet,
  intersection,
  isEmpty,
  isFieldSet,
  union,
} from './field-set.ts';
import { TypedValues } from './typed.ts';

/** One manager's fields (meta/v1 ManagedFieldsEntry). */
export interface ManagedFieldsEntry {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly time?: string;
  readonly fieldsType: 'FieldsV1';
  readonly fieldsV1: FieldSet;
  readonly subresource?: string;
}

/** Who writes, and how. */
export interface Manager {
  readonly name: string;
  readonly subresource?: string | undefined;
  /** Of the write, RFC 3339. */
  readonly time: string;
}

export interface Application {
  readonly live: KubernetesObject;
  readonly applied: KubernetesObject;
  readonly manager: Manager;
  readonly force: boolean;
}

/** Fields that the server keeps, which nobody manages. */
const systemMetadata = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
  'managedFields',
  'generateName',
];

/** Keeps `metadata.managedFields` true (apimachinery `util/managedfields`). */
export class FieldManagers {
  readonly #values: TypedValues;

  constructor(definitions: Definitions) {
    this.#values = new TypedValues(definitions);
  }

  /** The entries after a write that is no apply: who writes owns what it changed, and the others no longer do. */
  updated(
    before: KubernetesObject | undefined,
    after: KubernetesObject,
    write: { schema: Schema; manager: Manager },
  ): ManagedFieldsEntry[] {
    const { schema, manager } = write;
    const entries = entriesOf(before ?? after);
    const { changed, removed } = this.#values.differences(before && managed(before), managed(after), schema);
    const result: ManagedFieldsEntry[] = [];
    let own: FieldSet = changed;
    for (const entry of entries) {
      const left = difference(entry.fieldsV1, removed);
      if (isOf(entry, manager, 'Update') && entry.apiVersion === after.apiVersion) own = union(left, changed);
      else {
        const others = difference(left, changed);
        if (!isEmpty(others)) result.push({ ...entry, fieldsV1: others });
      }
    }
    const mine = entries.find((entry) => isOf(entry, manager, 'Update'));
    if (!isEmpty(own)) {
      const touched = !isEmpty(changed) || !mine;
      result.push(
        entryOf(manager, 'Update', after.apiVersion, { own, time: touched ? manager.time : mine?.time }),
      );
    }
    return result;
  }

  /** Server-side apply. @throws a Conflict that names the managers and fields */
  apply({ live, applied, manager, force }: Application, schema: Schema): KubernetesObject {
    const config = managed(applied);
    const wanted = this.#values.fields(config, schema);
    const current = managed(live);
    const { entries, previous } = this.#before(live, current, { schema, manager });
    const merged = this.#values.merged(current, config, schema) as KubernetesObject;
    const gone = entries.reduce(
      (left, entry) => difference(left, entry.fieldsV1),
      difference(previous, wanted),
    );
    const result = (isEmpty(gone) ? merged : this.#values.without(merged, gone, schema)) as KubernetesObject;
    const { changed } = this.#values.differences(current, result, schema);
    const claimed = intersection(changed, wanted);
    const disputed = entries
      .map((entry) => ({ entry, fields: intersection(entry.fieldsV1, claimed) }))
      .filter(({ fields }) => !isEmpty(fields));
    if (disputed.length > 0 && !force) throw conflictOf(disputed);
    const others = entries
      .map((entry) => ({ ...entry, fieldsV1: difference(entry.fieldsV1, union(claimed, gone)) }))
      .filter((entry) => !isEmpty(entry.fieldsV1));
    const mine = entryOf(manager, 'Apply', applied.apiVersion, { own: wanted, time: manager.time });
    const { apiVersion, kind } = applied;
    return {
      ...result,
      apiVersion,
      kind,
      metadata: { ...restored(result, live), managedFields: [...others, mine] },
    };
  }

  #before(
    live: KubernetesObject,
    current: object,
    { schema, manager }: { schema: Schema; manager: Manager },
  ): { entries: ManagedFieldsEntry[]; previous: FieldSet } {
    const all = entriesOf(live);
    if (all.length === 0 && live.metadata.uid) {
      const own = this.#values.fields(current, schema);
      const before: Manager = { name: 'before-first-apply', time: manager.time };
      return {
        entries: [entryOf(before, 'Update', live.apiVersion, { own, time: manager.time })],
        previous: {},
      };
    }
    const mine = all.find((entry) => isOf(entry, manager, 'Apply'));
    return { entries: all.filter((entry) => entry !== mine), previous: mine?.fieldsV1 ?? {} };
  }
}

function restored(result: KubernetesObject, live: KubernetesObject): KubernetesObject['metadata'] {
  const kept = Object.fromEntries(
    systemMetadata
      .filter((field) => live.metadata[field] !== undefined)
      .map((field) => [field, live.metadata[field]]),
  );
  return { ...result.metadata, ...kept } as KubernetesObject['metadata'];
}

/** The part of an object that somebody can manage. */
function managed(object: KubernetesObject): object {
  const { apiVersion: _apiVersion, kind: _kind, metadata, ...rest } = object;
  const own = Object.fromEntries(
    Object.entries(metadata).filter(([field]) => !systemMetadata.includes(field)),
  );
  return { ...rest, ...(Object.keys(own).length > 0 ? { metadata: own } : {}) };
}

function entryOf(
  manager: Manager,
  operation: 'Apply' | 'Update',
  apiVersion: string,
  { own, time }: { own: FieldSet; time: string | undefined },
): ManagedFieldsEntry {
  return {
    manager: manager.name,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: own,
    ...(manager.subresource === undefined ? {} : { subresource: manager.subresource }),
  };
}

const isOf = (entry: ManagedFieldsEntry, manager: Manager, operation: 'Apply' | 'Update') =>
  entry.manager === manager.name &&
  entry.operation === operation &&
  entry.subresource === manager.subresource;

function entriesOf(object: KubernetesObject): ManagedFieldsEntry[] {
  const entries = object.metadata.managedFields;
  if (!Array.isArray(entries)) return [];
  return (entries as ManagedFieldsEntry[]).filter(
    (entry) => typeof entry?.manager === 'string' && isFieldSet(entry.fieldsV1),
  );
}

function conflictOf(disputed: readonly { entry: ManagedFieldsEntry; fields: FieldSet }[]): StatusError {
  const causes: Cause[] = disputed.flatMap(({ entry, fields }) =>
    describePaths(fields).map((field) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with "${entry.manager}"${entry.subresource ? ` with subresource "${entry.subresource}"` : ''} using ${entry.apiVersion}`,
      field,
    })),
  );
  const lines = causes.map(({ message, field }) => `${message}: ${field}`);
  const text =
    causes.length === 1
      ? `1 conflict: ${lines[0]}`
      : `${causes.length} conflicts: ${lines.map((line) => `\n- ${line}`).join('')}`;
  return new StatusError(409, 'Conflict', `Apply failed with ${text}`, { causes });
}
