import { apiVersionOf, type KubernetesObject, keyOf, type TypeRegistry } from '@tagboat/api';
import { type Clock, isReason, systemClock, timestamp } from '@tagboat/base';
import type { ObjectStore, Query } from '@tagboat/store';
import { Admission, type AdmissionOptions, type Validator } from './admission.ts';
import { duplicateFields, readBody } from './body.ts';
import { mutableCopy } from './copy.ts';
import { deleteOptions, gracePeriodOf, holds, refuseForImmortal } from './deletion.ts';
import { Kinds } from './kinds.ts';
import { FieldManagers, type Manager } from './managed-fields/manager.ts';
import { sameButTime } from './managed-fields/same-but-time.ts';
import { patched } from './patch.ts';
import { fieldValidation, isDryRun, isTrue, paging, type QueryString, selection } from './query.ts';
import { keyFor, type ResourcePath } from './resource-path.ts';
import { type ScaleObject, scaled, scaleOf } from './scale.ts';
import { badRequest, missingObject, StatusError } from './status.ts';
import { conflictOn, repeatedOnConflict, storeError } from './store-errors.ts';
import type { WriteRequest } from './write-request.ts';

export type { QueryString } from './query.ts';
export type { WriteRequest } from './write-request.ts';

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

  /** From now on, this fills in the defaults of what is written. */
  fillWith(filler: (object: KubernetesObject) => void): void {
    this.#admission.fillWith(filler);
  }

  /** From now on, writes that this refuses are refused. */
  refuseWhere(validator: Validator): void {
    this.#admission.use(validator);
  }

  /**
   * Refuses what the API would refuse to store, for who writes to the store for somebody else. Nothing is written.
   * @throws `Invalid`, `BadRequest`
   */
  check(object: KubernetesObject, current: KubernetesObject | undefined): void {
    const type = this.kinds.types.of(object);
    const options: AdmissionOptions = { fieldValidation: 'Ignore', warn: () => undefined };
    const next = mutableCopy(object);
    if (current) this.#admission.update(type, { current, next }, options);
    else this.#admission.judge(type, next, options);
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
    if (type === 'application/apply-patch+yaml') return repeatedOnConflict(() => this.#apply(request));
    const { schemas } = this.kinds;
    const kind = { ...this.kinds.schemaOf(path.type), definitions: schemas.definitions };
    return repeatedOnConflict(async () => {
      const current = await this.#store.get(keyFor(path));
      if (!current) throw missingObject(path.type, path.name);
      const shown = this.kinds.present(path.type, current);
      const next = mutableCopy(patched(shown, { type, body: request.body }, kind));
      const object = this.#admission.identified(path, next as unknown as Record<string, unknown>);
      if (
        object.metadata.resourceVersion !== undefined &&
        object.metadata.resourceVersion !== current.metadata.resourceVersion
      )
        throw conflictOn(path);
      return this.#replace(request, current, {
        ...object,
        // Its other fields are those of the version that it was written in.
        apiVersion: current.apiVersion,
        metadata: { ...object.metadata, resourceVersion: current.metadata.resourceVersion! },
      });
    });
  }

  async delete(request: WriteRequest): Promise<Deleted> {
    const { path } = request;
    const key = keyFor(path);
    const before = await this.get(path);
    refuseForImmortal(before);
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
    return repeatedOnConflict(async () => {
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
      if (revision && revision !== current.metadata.resourceVersion) throw conflictOn(path);
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
      throw conflictOn(path);
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

  async #told<T extends KubernetesObject>(path: ResourcePath, write: Promise<T>): Promise<T> {
    try {
      return this.kinds.present(path.type, await write) as T;
    } catch (error) {
      throw storeError(path, error);
    }
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
}

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
