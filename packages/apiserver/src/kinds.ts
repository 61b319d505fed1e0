import {
  apiVersionOf,
  type KubernetesObject,
  type ResourceType,
  type TypeRegistry,
  typeId,
} from '@tagboat/api';
import { mutableCopy } from './copy.ts';
import { hasDefaults, setDefaults } from './defaults.ts';
import { type KindSchema, Schemas } from './schema/schemas.ts';
import type { Column } from './table/column.ts';
import { columnsOf } from './table/columns.ts';

/** Where a kind keeps what the scale subresource reads and sets. */
export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  readonly selector?: readonly string[];
}

/** What a CustomResourceDefinition says of one version of a kind. */
export interface CustomKind {
  readonly columns?: readonly Column[];
  readonly scale?: ScalePaths;
  readonly deprecationWarning?: string;
}

const builtInScale: ScalePaths = {
  specReplicas: ['spec', 'replicas'],
  statusReplicas: ['status', 'replicas'],
  selector: ['spec', 'selector'],
};

/** Everything the server knows about its kinds beside their names: schemas, columns, defaults, scale. */
export class Kinds {
  readonly types: TypeRegistry;
  readonly schemas = new Schemas();
  readonly #custom = new Map<string, CustomKind>();
  readonly #presented = new WeakMap<KubernetesObject, KubernetesObject>();

  constructor(types: TypeRegistry) {
    this.types = types;
  }

  schemaOf(type: ResourceType): KindSchema {
    return this.schemas.of(type);
  }

  columns(type: ResourceType): readonly Column[] {
    return columnsOf(type, this.#custom.get(idOf(type))?.columns);
  }

  scale(type: ResourceType): ScalePaths | undefined {
    if (!type.subresources.includes('scale')) return undefined;
    return this.#custom.get(idOf(type))?.scale ?? builtInScale;
  }

  custom(type: ResourceType): CustomKind | undefined {
    return this.#custom.get(idOf(type));
  }

  setCustom(type: ResourceType, kind: CustomKind): void {
    this.#custom.set(idOf(type), kind);
  }

  removeCustom(type: ResourceType): void {
    this.#custom.delete(idOf(type));
    this.schemas.removeCustom(type);
  }

  /** True where objects go out as they are stored: no defaults to fill in, no other version to tell. */
  isShownAsStored(type: ResourceType): boolean {
    if (hasDefaults(type)) return false;
    const id = typeId(type);
    return this.types.all().filter((other) => typeId(other) === id).length === 1;
  }

  /** A stored object as a client of this version sees it: with defaults that its writer left out. */
  present(type: ResourceType, object: KubernetesObject): KubernetesObject {
    const apiVersion = apiVersionOf(type);
    if (!hasDefaults(type)) return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
    let shown = this.#presented.get(object);
    if (!shown) {
      shown = mutableCopy(object);
      setDefaults(type, shown);
      this.#presented.set(object, shown);
    }
    return shown;
  }
}

const idOf = (type: ResourceType) => `${apiVersionOf(type)}/${type.kind}`;
