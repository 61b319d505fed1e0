import {
  apiVersionOf,
  fieldsNotActedOn,
  type KubernetesObject,
  kinds,
  notActedOnMessage,
  type ResourceType,
} from '@tagboat/api';
import type { Reader } from '@tagboat/store';
import { setDefaults } from './defaults.ts';
import type { Kinds } from './kinds.ts';
import type { ResourcePath } from './resource-path.ts';
import { badRequest, type Cause, forbidden, invalidObject, missingObject } from './status.ts';
import { kindCauses, updateCauses } from './validation/kinds.ts';
import { metadataCauses, metadataUpdateCauses } from './validation/metadata.ts';
import { ruleCauses } from './validation/rules.ts';
import { SchemaWalk } from './validation/schema-walk.ts';

/** What becomes of fields that the kind does not have (query parameter `fieldValidation`). */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface AdmissionOptions {
  readonly fieldValidation: FieldValidation;
  /** Fields that the body gives twice. */
  readonly duplicates?: readonly string[];
  /** Is told what a person should know though nothing failed. */
  readonly warn: (message: string) => void;
}

/**
 * What a kind's own room refuses, as a validating webhook does on a cluster.
 * @returns why the request is denied, in the webhook's words, or undefined
 */
export type Validator = (object: KubernetesObject, before?: KubernetesObject) => string | undefined;

/** Decides whether an object may be written, and brings it into the shape that is stored. */
export class Admission {
  readonly #fillers: ((object: KubernetesObject) => void)[] = [];
  readonly #validators: Validator[] = [];
  readonly #kinds: Kinds;
  readonly #reader: Reader;

  constructor(kinds: Kinds, reader: Reader) {
    this.#kinds = kinds;
    this.#reader = reader;
  }

  /** From now on, this fills in defaults before an object is judged, as a mutating webhook does on a cluster. */
  fillWith(filler: (object: KubernetesObject) => void): void {
    this.#fillers.push(filler);
  }

  /** From now on, what this refuses is refused. */
  use(validator: Validator): void {
    this.#validators.push(validator);
  }

  /** A body as the object that the path means. @throws `BadRequest` */
  identified(path: ResourcePath, value: Record<string, unknown>): KubernetesObject {
    const { type, namespace, name } = path;
    const object = value as unknown as KubernetesObject;
    object.apiVersion ??= apiVersionOf(type);
    object.kind ??= type.kind;
    if (object.apiVersion !== apiVersionOf(type) || object.kind !== type.kind)
      throw badRequest(
        `the API version in the data (${object.apiVersion}, ${object.kind}) does not match the expected API version (${apiVersionOf(type)}, ${type.kind})`,
      );
    if (
      object.metadata !== undefined &&
      (typeof object.metadata !== 'object' || Array.isArray(object.metadata))
    )
      throw badRequest('expected an object at metadata');
    const metadata = (object.metadata ?? {}) as KubernetesObject['metadata'];
    object.metadata = metadata;
    if (name !== undefined && metadata.name && metadata.name !== name)
      throw badRequest(
        `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
      );
    if (namespace !== undefined && metadata.namespace && metadata.namespace !== namespace)
      throw badRequest(
        `the namespace of the provided object does not match the namespace sent on the request (${metadata.namespace}, ${namespace})`,
      );
    if (name !== undefined) metadata.name = name;
    if (type.namespaced) metadata.namespace = namespace ?? (metadata.namespace || 'default');
    else delete metadata.namespace;
    return object;
  }

  /** @throws `Invalid`, `BadRequest`, `Forbidden`, `NotFound` */
  async create(type: ResourceType, object: KubernetesObject, options: AdmissionOptions): Promise<void> {
    this.judge(type, object, options);
    await this.#namespaceTakes(type, object);
    tellWhatIsIgnored(type, object, options);
  }

  /** What `create` does without looking at what is stored. @throws `Invalid`, `BadRequest` */
  judge(type: ResourceType, object: KubernetesObject, options: AdmissionOptions): void {
    if (type.subresources.includes('status')) delete object.status;
    delete object.metadata.managedFields;
    const causes = this.#shape(type, object, options);
    this.#refuse(type, object, [...causes, ...metadataCauses(type, object), ...kindCauses(type, object)]);
    this.#ask(object);
  }

  update(
    type: ResourceType,
    change: { readonly current: KubernetesObject; readonly next: KubernetesObject },
    options: AdmissionOptions,
  ): void {
    const { current, next } = change;
    const causes = this.#shape(type, next, options, current);
    this.#refuse(type, next, [
      ...causes,
      ...metadataCauses(type, next),
      ...metadataUpdateCauses(current, next),
      ...kindCauses(type, next),
      ...updateCauses(type, this.#kinds.present(type, current), next),
    ]);
    if (!next.metadata.deletionTimestamp) this.#ask(next, current);
    const before = new Set(fieldsNotActedOn(current));
    tellOfFields(
      fieldsNotActedOn(next).filter((field) => !before.has(field)),
      options,
    );
  }

  /** The status subresource changes status alone: nothing else of the object is judged. */
  status(type: ResourceType, object: KubernetesObject, options: AdmissionOptions): void {
    this.#refuse(type, object, this.#shape(type, object, options));
  }

  /** @returns what the schema finds wrong; values of wrong types are refused here, since nothing else expects them */
  #shape(
    type: ResourceType,
    object: KubernetesObject,
    options: AdmissionOptions,
    before?: KubernetesObject,
  ): Cause[] {
    const { schema, native } = this.#kinds.schemaOf(type);
    const walk = new SchemaWalk(this.#kinds.schemas.definitions, { uniqueItems: !native });
    walk.walk(object, schema);
    const { causes, unknown } = walk.findings;
    const strange = [
      ...unknown.map((field) => `unknown field "${field}"`),
      ...(options.duplicates ?? []).map((field) => `duplicate field "${field}"`),
    ];
    if (strange.length > 0 && options.fieldValidation === 'Strict')
      throw badRequest(
        `${type.kind} in version "${type.version}" cannot be handled as a ${type.kind}: strict decoding error: ${strange.join(', ')}`,
        { causes: strange.map((message) => ({ reason: 'FieldValueInvalid', message })) },
      );
    if (options.fieldValidation === 'Warn') for (const message of strange) options.warn(message);
    const mistyped = causes.filter(({ reason }) => reason === 'FieldValueTypeInvalid');
    if (native && mistyped.length > 0) throw undecodable(type, mistyped);
    if (mistyped.length > 0) this.#refuse(type, object, causes);
    setDefaults(type, object);
    const warning = this.#kinds.custom(type)?.deprecationWarning;
    if (warning) options.warn(warning);
    return native || causes.length > 0 ? causes : ruleCauses(schema, object, before);
  }

  #ask(object: KubernetesObject, before?: KubernetesObject): void {
    // What the platform itself stored came by here no more than what is older than a default.
    const filled = before && this.#fillers.length > 0 ? structuredClone(before) : before;
    for (const fill of this.#fillers) {
      fill(object);
      if (filled) fill(filled);
    }
    for (const validator of this.#validators) {
      const denied = validator(object, filled);
      if (denied !== undefined) throw badRequest(denied);
    }
  }

  #refuse(type: ResourceType, object: KubernetesObject, causes: readonly Cause[]): void {
    if (causes.length > 0) throw invalidObject(type, object.metadata.name, causes.slice(0, 100));
  }

  /** A namespace that is not there, or is going, takes nothing new (admission plugin NamespaceLifecycle). */
  async #namespaceTakes(type: ResourceType, object: KubernetesObject): Promise<void> {
    const { namespace } = object.metadata;
    if (!type.namespaced || !namespace) return;
    const found = await this.#reader.get({ type: kinds.Namespace, namespace: '', name: namespace });
    if (!found) throw missingObject(kinds.Namespace, namespace);
    if (!found.metadata.deletionTimestamp) return;
    const message = `namespace ${namespace} is being terminated`;
    throw forbidden(
      `${type.plural}${type.group ? `.${type.group}` : ''} "${object.metadata.name}" is forbidden: unable to create new content in ${message.replace('is being', 'because it is being')}`,
      {
        name: object.metadata.name,
        group: type.group,
        kind: type.plural,
        causes: [{ reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }],
      },
    );
  }
}

/** What its writer should know at once; events say it again to whoever looks later. */
function tellWhatIsIgnored(type: ResourceType, object: KubernetesObject, { warn }: AdmissionOptions): void {
  const kept = notActedOnMessage(type);
  if (kept !== undefined) warn(kept);
  tellOfFields(fieldsNotActedOn(object), { warn });
}

function tellOfFields(fields: readonly string[], { warn }: Pick<AdmissionOptions, 'warn'>): void {
  if (fields.length > 0) warn(`nothing here acts on ${fields.join(', ')}`);
}

function undecodable(type: ResourceType, causes: readonly Cause[]) {
  const text = causes.map(({ field, message }) => `${field}: ${message}`).join(', ');
  return badRequest(
    `${type.kind} in version "${type.version}" cannot be handled as a ${type.kind}: ${text}`,
    { causes },
  );
}
