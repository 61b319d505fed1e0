import {
  apiVersionOf,
  type KubernetesObject,
  keyOf,
  type Pod,
  type ResourceKey,
  type ResourceType,
  type TypeRegistry,
} from '@tagboat/api';
import { type Clock, isReason, systemClock, type TagboatError, timestamp } from '@tagboat/base';
import { type DeleteOptions, jsonEquals, type ObjectStore, type Query } from '@tagboat/store';
import { Admission, type AdmissionOptions, type Validator } from './admission.ts';
import { duplicateFields, readBody } from './body.ts';
import { mutableCopy } from './copy.ts';
import { Kinds } from './kinds.ts';
import { FieldManagers, type Manager } from './managed-fields/manager.ts';
import { patched } from './patch.ts';
import {
  fieldValidation,
  isDryRun,
  isTrue,
  paging,
  type QueryString,
  selection,
  wholeNumber,
} from './query.ts';
import type { ResourcePath } from './resource-path.ts';
import { type ScaleObject, scaled, scaleOf } from './scale.ts';
import { badRequest, missingObject, StatusError } from './status.ts';

export type { QueryString } from './query.ts';

/** A request that writes. */
export interface WriteRequest {
  readonly path: ResourcePath;
  readonly query: QueryString;
  readonly body: string;
  readonly contentType: string;
  /** Of who asks; names the manager of the fields where the query does not. */
  readonly userAgent: string;
  /** Is told what a person should know though nothing failed. */
  readonly warn: (message: string) => void;
}

/** A page of objects as they are stored. */
export interface Listed {
  readonly items: readonly KubernetesObject[];
  readonly metadata: Record<string, unknown>;
}

/** What became of a deletion: the object while finalizers hold it, else its last state. */
export interface Deleted {
  readonly object: KubernetesObject;
  readonly gone: boolean;
}

const retries = 5;

/** The verbs of the Kubernetes API on stored objects. */
export class Resources {
  readonly kinds: Kinds;
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #admission: Admission;

  constructor(store: ObjectStore, types: TypeRegistry, clock: Clock = systemClock) {
    this.#store = store;
    this.#clock = clock;
    this.kinds = new Kinds(types);
    this.#admission = new Admission(this.kinds, store);
  }

  /** From now on, writes that this refuses are refused. */
  refuseWhere(validator: Validator): void {
    this.#admission.use(validator);
  }

  async get(path: ResourcePath): Promise<KubernetesObject> {
    const found = await this.#store.get(keyFor(path));
    if (!found) throw missingObject(path.type, path.name);
    return this.kinds.present(path.type, found);
  }

  async list(path: ResourcePath, query: QueryString): Promise<Listed> {
    const { type } = path;
    const found = await this.#store.list(type, { ...selection(path, query), ...paging(query) });
    return {
      metadata: listMetadata(found),
      items: found.items.map((object) => this.kinds.present(type, object)),
    };
  }

  /** The body of a list, put together from stored texts where nothing has to be changed in them. */
  async listText(path: ResourcePath, query: QueryString): Promise<string> {
    const { type } = path;
    const wanted: Query = { ...selection(path, query), ...paging(query) };
    const head = (metadata: object) =>
      `{"kind":"${type.kind}List","apiVersion":"${apiVersionOf(type)}","metadata":${JSON.stringify(metadata)},"items":[`;
    if (!this.kinds.isShownAsStored(type)) {
      const { items, metadata } = await this.list(path, query);
      return `${head(metadata)}${items.map((item) => JSON.stringify(item)).join(',')}]}`;
    }
    const { texts, ...rest } = await this.#store.listText(type, wanted);
    return `${head(listMetadata(rest))}${texts.join(',')}]}`;
  }

  /** One JSON line per event; begins with the current objects where no resourceVersion is given. */
  async *watch(path: ResourcePath, query: QueryString, signal: AbortSignal): AsyncGenerator<string> {
    const { type } = path;
    const line = (kind: string, object: KubernetesObject) =>
      `${JSON.stringify({ type: kind, object: this.kinds.present(type, object) })}\n`;
    const wanted = selection(path, query);
    let from = query.resourceVersion;
    if (from === undefined || from === '' || from === '0') {
      const listed = await this.#store.list(type, wanted);
      from = listed.resourceVersion;
      for (const object of listed.items) yield line('ADDED', object);
    }
    for await (const event of this.#store.watch(type, wanted, { from, signal }))
      yield line(event.type, event.object);
  }

  async create(request: WriteRequest): Promise<KubernetesObject> {
    const { path, query } = request;
    const object = this.#admission.identified(path, readBody(request.body, request.contentType));
    await this.#admission.create(path.type, object, this.#options(request));
    this.#manage(undefined, object, this.#manager(request));
    return this.#told(path, this.#store.create(object, { dryRun: isDryRun(query.dryRun) }));
  }

  async update(request: WriteRequest): Promise<KubernetesObject> {
    const { path } = request;
    const next = this.#admission.identified(path, readBody(request.body, request.contentType));
    const current = await this.#store.get(keyFor(path));
    if (!current) throw missingObject(path.type, path.name);
    return this.#replace(request, current, next);
  }

  /** A patch that meets another write is made again on what that left, unless it names a revision itself. */
  async patch(request: WriteRequest): Promise<KubernetesObject> {
    const { path } = request;
    const type = request.contentType.split(';')[0]!.trim();
    if (type === 'application/apply-patch+yaml') return this.#repeated(() => this.#apply(request));
    const { schemas } = this.kinds;
    const kind = { ...this.kinds.schemaOf(path.type), definitions: schemas.definitions };
    return this.#repeated(async () => {
      const current = await this.#store.get(keyFor(path));
      if (!current) throw missingObject(path.type, path.name);
      const shown = this.kinds.present(path.type, current);
      const next = mutableCopy(patched(shown, { type, body: request.body }, kind));
      const object = this.#admission.identified(path, next as unknown as Record<string, unknown>);
      if (
        object.metadata.resourceVersion !== undefined &&
        object.metadata.resourceVersion !== current.metadata.resourceVersion
      )
        throw this.#conflict(path);
      return this.#replace(request, current, {
        ...object,
        metadata: { ...object.metadata, resourceVersion: current.metadata.resourceVersion! },
      });
    });
  }

  async delete(request: WriteRequest): Promise<Deleted> {
    const { path } = request;
    const key = keyFor(path);
    const before = await this.get(path);
    const options = { gracePeriodSeconds: gracePeriodOf(before), ...deleteOptions(request) };
    const object = await this.#told(path, this.#store.delete(key, options));
    return { object: this.kinds.present(path.type, object), gone: !holds(object, before) };
  }

  /** Deletes everything that the selectors meet. @returns what was deleted */
  async deleteCollection(request: WriteRequest): Promise<Listed> {
    const { path, query } = request;
    const options = deleteOptions(request);
    const found = await this.list(path, { ...query, resourceVersion: undefined });
    await Promise.all(
      found.items.map((object) =>
        this.#store
          .delete(keyOf(path.type, object), { gracePeriodSeconds: gracePeriodOf(object), ...options })
          .catch((error: unknown) => {
            if (!isReason(error, 'NotFound')) throw error;
          }),
      ),
    );
    return found;
  }

  async getScale(path: ResourcePath): Promise<ScaleObject> {
    return scaleOf(await this.get(path), this.#scalePaths(path));
  }

  /** Sets the replicas alone, by PUT or PATCH of autoscaling/v1 Scale. */
  async setScale(request: WriteRequest, method: 'PUT' | 'PATCH'): Promise<ScaleObject> {
    const { path } = request;
    const paths = this.#scalePaths(path);
    return this.#repeated(async () => {
      const current = await this.#store.get(keyFor(path));
      if (!current) throw missingObject(path.type, path.name);
      const shown = scaleOf(this.kinds.present(path.type, current), paths);
      const wanted =
        method === 'PUT'
          ? (readBody(request.body, request.contentType) as unknown as ScaleObject)
          : (patched(
              shown as unknown as KubernetesObject,
              {
                type: request.contentType.split(';')[0]!.trim().replace('strategic-merge', 'merge'),
                body: request.body,
              },
              { name: '', schema: {}, native: false, definitions: new Map() },
            ) as unknown as ScaleObject);
      const revision = wanted.metadata?.resourceVersion;
      if (revision && revision !== current.metadata.resourceVersion) throw this.#conflict(path);
      const next = scaled(mutableCopy(this.kinds.present(path.type, current)), wanted, paths);
      const written = await this.#replace(
        { ...request, path: { ...path, subresource: 'scale' } },
        current,
        next,
      );
      return scaleOf(written, paths);
    });
  }

  #scalePaths(path: ResourcePath) {
    const paths = this.kinds.scale(path.type);
    if (!paths) throw new StatusError(404, 'NotFound', 'the server could not find the requested resource');
    return paths;
  }

  async #replace(
    request: WriteRequest,
    current: KubernetesObject,
    next: KubernetesObject,
  ): Promise<KubernetesObject> {
    const { path, query } = request;
    const options = { dryRun: isDryRun(query.dryRun) };
    if (path.subresource === 'status') this.#admission.status(path.type, next, this.#options(request));
    else this.#admission.update(path.type, { current, next }, this.#options(request));
    const shown = this.kinds.present(path.type, current);
    if (path.subresource === 'status') {
      const whole = { ...mutableCopy(shown), status: next.status };
      this.#manage(shown, whole, this.#manager(request));
      whole.metadata.resourceVersion = next.metadata.resourceVersion as string;
      return this.#told(path, this.#store.updateStatus(whole, options));
    }
    if (path.type.subresources.includes('status') && next.status !== undefined) next.status = shown.status;
    this.#manage(shown, next, this.#manager(request));
    return this.#told(path, this.#store.update(next, options));
  }

  async #apply(request: WriteRequest): Promise<KubernetesObject> {
    const { path, query } = request;
    const manager = this.#manager(request);
    if (!query.fieldManager)
      throw badRequest(
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      );
    const applied = this.#admission.identified(path, readBody(request.body, 'application/yaml'));
    if (applied.metadata.managedFields) throw badRequest('metadata.managedFields must be nil');
    const { schema } = this.kinds.schemaOf(path.type);
    const managers = new FieldManagers(this.kinds.schemas.definitions);
    const stored = await this.#store.get(keyFor(path));
    const live = stored ? this.kinds.present(path.type, stored) : undefined;
    const empty: KubernetesObject = {
      apiVersion: applied.apiVersion,
      kind: applied.kind,
      metadata: {
        name: applied.metadata.name,
        ...(applied.metadata.namespace ? { namespace: applied.metadata.namespace } : {}),
      },
    };
    const next = mutableCopy(
      managers.apply({ live: live ?? empty, applied, manager, force: isTrue(query.force) }, schema),
    );
    const { managedFields } = next.metadata;
    const options = { dryRun: isDryRun(query.dryRun) };
    if (!stored || !live) {
      await this.#admission.create(path.type, next, this.#options(request));
      next.metadata.managedFields = managedFields;
      return this.#told(path, this.#store.create(next, options));
    }
    if (
      applied.metadata.resourceVersion &&
      applied.metadata.resourceVersion !== stored.metadata.resourceVersion
    )
      throw this.#conflict(path);
    if (path.subresource === 'status') this.#admission.status(path.type, next, this.#options(request));
    else this.#admission.update(path.type, { current: stored, next }, this.#options(request));
    const same = sameButTime(live, next);
    if (same) return live;
    return this.#told(
      path,
      path.subresource === 'status'
        ? this.#store.updateStatus(next, options)
        : this.#store.update(next, options),
    );
  }

  #manage(before: KubernetesObject | undefined, after: KubernetesObject, manager: Manager): void {
    const type = this.kinds.types.of(after);
    const { schema } = this.kinds.schemaOf(type);
    const managers = new FieldManagers(this.kinds.schemas.definitions);
    const entries = managers.updated(before, after, { schema, manager });
    if (entries.length > 0) after.metadata.managedFields = entries;
    else delete after.metadata.managedFields;
  }

  #manager({ path, query, userAgent }: WriteRequest): Manager {
    const name = query.fieldManager || userAgent.split('/')[0]!.trim() || 'unknown';
    if (name.length > 128) throw badRequest('expected a fieldManager of at most 128 characters');
    return { name, subresource: path.subresource, time: timestamp(this.#clock) };
  }

  #options(request: WriteRequest): AdmissionOptions {
    const validation = fieldValidation(request.query);
    const isJson = /json/.test(request.contentType) && !/patch/.test(request.contentType);
    return {
      fieldValidation: validation,
      duplicates: isJson && validation !== 'Ignore' ? duplicateFields(request.body) : [],
      warn: request.warn,
    };
  }

  /** Tells errors of the store as Kubernetes does. */
  async #told<T extends KubernetesObject>(path: ResourcePath, write: Promise<T>): Promise<T> {
    try {
      return this.kinds.present(path.type, await write) as T;
    } catch (error) {
      if (isReason(error, 'Conflict')) throw this.#conflict(path);
      if (isReason(error, 'NotFound')) throw missingObject(path.type, path.name);
      if (isReason(error, 'AlreadyExists')) {
        const name = /(\S+) already exists$/
          .exec((error as TagboatError).message)?.[1]
          ?.split('/')
          .at(-1);
        throw new StatusError(409, 'AlreadyExists', `${resourceName(path.type)} "${name}" already exists`, {
          name: name ?? '',
          group: path.type.group,
          kind: path.type.plural,
        });
      }
      throw error;
    }
  }

  #conflict(path: ResourcePath): StatusError {
    return new StatusError(
      409,
      'Conflict',
      `Operation cannot be fulfilled on ${resourceName(path.type)} "${path.name}": the object has been modified; please apply your changes to the latest version and try again`,
      { name: path.name ?? '', group: path.type.group, kind: path.type.plural },
    );
  }

  async #repeated<T>(attempt: () => Promise<T>): Promise<T> {
    for (let left = retries; ; left--)
      try {
        return await attempt();
      } catch (error) {
        const lost = isReason(error, 'Conflict') && error instanceof StatusError && !error.details.causes;
        if (!lost || left === 0) throw error;
      }
  }
}

const resourceName = (type: Pick<ResourceType, 'plural' | 'group'>) =>
  type.group ? `${type.plural}.${type.group}` : type.plural;

const holds = (after: KubernetesObject, before: KubernetesObject) =>
  after.metadata.deletionTimestamp !== undefined &&
  ((after.metadata.finalizers?.length ?? 0) > 0 || after.kind === 'Namespace') &&
  after.metadata.uid === before.metadata.uid;

function listMetadata(found: {
  resourceVersion: string;
  continue?: string;
  remainingItemCount?: number;
}): Record<string, unknown> {
  return {
    resourceVersion: found.resourceVersion,
    ...(found.continue ? { continue: found.continue } : {}),
    ...(found.remainingItemCount ? { remainingItemCount: found.remainingItemCount } : {}),
  };
}

function keyFor({ type, namespace, name }: ResourcePath): ResourceKey {
  if (name === undefined) throw badRequest('expected the name of an object');
  return { type, namespace: type.namespaced ? (namespace ?? '') : '', name };
}

interface DeleteBody {
  readonly propagationPolicy?: string;
  readonly orphanDependents?: boolean;
  readonly preconditions?: { uid?: string; resourceVersion?: string };
  readonly dryRun?: readonly string[];
  readonly gracePeriodSeconds?: number;
}

/** How long an object has to end where nobody says: a pod as long as it declares, others not at all. */
function gracePeriodOf({ kind, spec }: KubernetesObject): number {
  if (kind !== 'Pod') return 0;
  return (spec as Pod['spec'])?.terminationGracePeriodSeconds ?? 30;
}

/** meta/v1 DeleteOptions, of the body or the query. */
function deleteOptions({ query, body, contentType }: WriteRequest): DeleteOptions {
  const given = (body.trim() === '' ? {} : readBody(body, contentType)) as DeleteBody;
  const grace = given.gracePeriodSeconds ?? wholeNumber(query.gracePeriodSeconds, 'gracePeriodSeconds');
  if (grace !== undefined && !Number.isSafeInteger(grace))
    throw badRequest(`expected a whole number as gracePeriodSeconds, found "${grace}"`);
  const orphan =
    given.orphanDependents ?? (query.orphanDependents ? isTrue(query.orphanDependents) : undefined);
  const policy =
    given.propagationPolicy ??
    query.propagationPolicy ??
    (orphan === undefined ? undefined : orphan ? 'Orphan' : 'Background');
  if (policy !== undefined && !['Foreground', 'Background', 'Orphan'].includes(policy))
    throw badRequest(
      `DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "${policy}": supported values: "Foreground", "Background", "Orphan"`,
    );
  const { uid, resourceVersion } = given.preconditions ?? {};
  return {
    ...(grace === undefined ? {} : { gracePeriodSeconds: Math.max(0, grace) }),
    ...(policy === undefined ? {} : { propagation: policy as NonNullable<DeleteOptions['propagation']> }),
    ...(uid ? { uid } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
    dryRun: isDryRun(given.dryRun) || isDryRun(query.dryRun),
  };
}

/** An apply that changes nothing must not write a new time: it would wake every watcher. */
function sameButTime(live: KubernetesObject, next: KubernetesObject): boolean {
  return jsonEquals(withoutTimes(live), withoutTimes(next));
}

function withoutTimes(object: KubernetesObject): object {
  const { managedFields, resourceVersion: _, ...metadata } = object.metadata;
  const entries = (managedFields as object[] | undefined)?.map((entry) => ({ ...entry, time: '' }));
  return { ...object, metadata: { ...metadata, managedFields: entries } };
}
