import { apiVersionOf, type ResourceType, typeId } from '@tagboat/api';
import { BuiltInTypes, definitionName, type ModelName } from './built-in.ts';
import { ownDescriptions, ownSpecs } from './own-kinds.ts';
import type { Definitions, Schema } from './schema.ts';

/** The schema of one kind in one version. */
export interface KindSchema {
  /** Of its definition. */
  readonly name: string;
  readonly schema: Schema;
  /** One of Kubernetes' own kinds: unknown fields are dropped, strategic merge is understood. */
  readonly native: boolean;
}

const meta: ModelName = 'V1ObjectMeta';
/** Kinds whose model class has another name than version and kind give. */
const modelNames: Readonly<Record<string, ModelName>> = { 'v1/Event': 'CoreV1Event' };
const nativeGroups = new Set([
  '',
  'apps',
  'batch',
  'networking.k8s.io',
  'apiextensions.k8s.io',
  'autoscaling',
  'policy',
  'coordination.k8s.io',
  'rbac.authorization.k8s.io',
  'admissionregistration.k8s.io',
  'storage.k8s.io',
  'scheduling.k8s.io',
]);
/** Fields that Tagboat adds to Kubernetes' own types. */
const additions: Readonly<Record<string, Record<string, Schema>>> = {
  V1PodStatus: {
    hostPort: {
      type: 'integer',
      description:
        'Where the network of the host is shared: the port that the pod has in place of the declared one.',
    },
  },
};

/** The schemas of every served kind, read when first asked for; CustomResourceDefinitions bring their own. */
export class Schemas {
  readonly #builtIn = new BuiltInTypes();
  readonly #kinds = new Map<string, KindSchema>();
  readonly #custom = new Map<string, Schema>();

  get definitions(): Definitions {
    return this.#builtIn.definitions;
  }

  of(type: ResourceType): KindSchema {
    const id = `${apiVersionOf(type)}/${type.kind}`;
    let found = this.#kinds.get(id);
    if (!found) {
      found = this.#make(type, id);
      this.#kinds.set(id, found);
    }
    return found;
  }

  /** Sets the schema of a custom kind: what its CustomResourceDefinition says of one version. */
  setCustom(type: ResourceType, schema: Schema): void {
    const id = `${apiVersionOf(type)}/${type.kind}`;
    this.#custom.set(id, schema);
    this.#kinds.delete(id);
  }

  removeCustom(type: ResourceType): void {
    const id = `${apiVersionOf(type)}/${type.kind}`;
    this.#custom.delete(id);
    this.#kinds.delete(id);
  }

  /** The schema of one of Kubernetes' types by its model class, such as `V1DeleteOptions`. */
  modelSchema(model: string): Schema {
    return this.definitions.get(this.#builtIn.add(model)) ?? {};
  }

  #make(type: ResourceType, id: string): KindSchema {
    const groupVersionKind = [{ group: type.group, version: type.version, kind: type.kind }];
    const custom = this.#custom.get(id);
    if (!custom && nativeGroups.has(type.group)) {
      const name = this.#builtIn.add(modelNames[id] ?? `${capital(type.version)}${type.kind}`);
      this.#extend();
      const schema = {
        ...this.definitions.get(name),
        'x-kubernetes-group-version-kind': groupVersionKind,
      } as Schema;
      this.#builtIn.definitions.set(name, schema);
      return { name, schema, native: true };
    }
    const name = `${type.group.split('.').reverse().join('.')}.${type.version}.${type.kind}`;
    const schema = this.#withMeta(custom ?? declared(type), groupVersionKind);
    this.#builtIn.definitions.set(name, schema);
    return { name, schema, native: false };
  }

  #extend(): void {
    for (const [model, properties] of Object.entries(additions)) {
      const name = definitionName(model);
      const schema = this.definitions.get(name);
      if (schema?.properties && !(Object.keys(properties)[0]! in schema.properties))
        this.#builtIn.definitions.set(name, {
          ...schema,
          properties: { ...schema.properties, ...properties },
        });
    }
  }

  #withMeta(schema: Schema, groupVersionKind: Schema['x-kubernetes-group-version-kind']): Schema {
    return {
      ...schema,
      type: 'object',
      properties: {
        ...schema.properties,
        apiVersion: { type: 'string', description: 'Group and version of the kind.' },
        kind: { type: 'string', description: 'The kind.' },
        metadata: {
          description: 'Standard object metadata.',
          $ref: this.#builtIn.add(meta),
        },
      },
      ...(groupVersionKind ? { 'x-kubernetes-group-version-kind': groupVersionKind } : {}),
    };
  }
}

const capital = (text: string) => text[0]!.toUpperCase() + text.slice(1);

function declared(type: ResourceType): Schema {
  const id = `${type.group}/${type.kind}`;
  const status: Schema = {
    type: 'object',
    description: 'What is, as observed.',
    'x-kubernetes-preserve-unknown-fields': true,
  };
  return {
    description: ownDescriptions[id] ?? `${type.kind} (${typeId(type)}).`,
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    properties: {
      spec: ownSpecs[id] ?? {
        type: 'object',
        'x-kubernetes-preserve-unknown-fields': true,
        description: 'What is declared.',
      },
      status,
    },
  };
}
