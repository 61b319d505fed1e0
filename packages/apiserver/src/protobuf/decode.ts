import { resolved, type Schema } from '../schema/schema.ts';
import type { Schemas } from '../schema/schemas.ts';
import { badRequest } from '../status.ts';
import { fieldNumbers } from './field-numbers.ts';
import { WireReader } from './wire.ts';

type Fields = Record<string, unknown>;

/** Pointer fields, in which zero and false say something; in others they stand for nothing (Go's `omitempty`). */
const pointers = new Set(
  `replicas completions parallelism backoffLimit backoffLimitPerIndex maxFailedIndexes ttlSecondsAfterFinished
  terminationGracePeriodSeconds activeDeadlineSeconds revisionHistoryLimit successfulJobsHistoryLimit failedJobsHistoryLimit
  startingDeadlineSeconds tolerationSeconds runAsUser runAsGroup fsGroup gracePeriodSeconds defaultMode mode
  progressDeadlineSeconds priority suspend automountServiceAccountToken optional runAsNonRoot allowPrivilegeEscalation
  readOnlyRootFilesystem privileged enableServiceLinks controller blockOwnerDeletion immutable orphanDependents
  shareProcessNamespace hostUsers setHostnameAsFQDN minReadySeconds partition ready restartCount allowed`.split(
    /\s+/,
  ),
);

interface Message {
  readonly byNumber: ReadonlyMap<number, { readonly name: string; readonly inline: string | undefined }>;
}

const messages = new Map<string, Message>();

function messageOf(name: string): Message | undefined {
  const text = fieldNumbers[name];
  if (text === undefined) return undefined;
  let message = messages.get(name);
  if (!message) {
    const entries = text.split(' ').map((field) => {
      const [, field_, number, inline] = /^(\w+)=(\d+)(?::(\w+))?$/.exec(field)!;
      return [Number(number), { name: field_!, inline }] as const;
    });
    message = { byNumber: new Map(entries) };
    messages.set(name, message);
  }
  return message;
}

/** `k8s` and a zero byte, before every encoded object (apimachinery `serializer/protobuf`). */
const magic = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

/**
 * Reads the protobuf encoding of Kubernetes' own kinds, in which Go clients write.
 * @throws `BadRequest` for bytes that are none, and for kinds that have no such encoding
 */
export class ProtobufDecoder {
  readonly #schemas: Schemas;

  constructor(schemas: Schemas) {
    this.#schemas = schemas;
  }

  /** The object that the bytes encode, as JSON would have it. */
  decode(bytes: Buffer): Fields {
    if (!bytes.subarray(0, 4).equals(magic)) throw badRequest('the body is no object in protobuf');
    try {
      return this.#unknown(new WireReader(bytes.subarray(4)));
    } catch (error) {
      if (error instanceof RangeError) throw badRequest('the body in protobuf ends too early');
      throw error;
    }
  }

  /** runtime.Unknown: the type, and the encoded object. */
  #unknown(reader: WireReader): Fields {
    let apiVersion = '';
    let kind = '';
    let raw: Buffer = Buffer.alloc(0);
    for (const { number, bytes } of reader.fields()) {
      if (number === 2 && bytes) raw = bytes;
      if (number !== 1 || !bytes) continue;
      for (const field of new WireReader(bytes).fields()) {
        if (field.number === 1) apiVersion = String(field.bytes);
        if (field.number === 2) kind = String(field.bytes);
      }
    }
    if (!messageOf(kind)) throw badRequest(`${apiVersion} ${kind} is not read in protobuf: send it as JSON`);
    const model = kind === 'Event' ? 'CoreV1Event' : `V1${kind}`;
    const schema = this.#schemas.modelSchema(model);
    return { kind, apiVersion, ...this.#message(kind, raw, schema) };
  }

  #message(name: string, bytes: Buffer, schema: Schema): Fields {
    const result: Fields = {};
    const message = messageOf(name);
    for (const { number, bytes: inner, value } of new WireReader(bytes).fields()) {
      const field = message?.byNumber.get(number);
      if (!field) continue;
      const known = schema.properties?.[field.name];
      if (known) this.#set(result, field.name, { known, inner, value });
      else if (field.inline && inner) Object.assign(result, this.#message(field.inline, inner, schema));
    }
    return result;
  }

  #set(
    result: Fields,
    name: string,
    { known, inner, value }: { known: Schema; inner: Buffer | undefined; value: number | undefined },
  ): void {
    const schema = resolved(known, this.#schemas.definitions);
    if (schema.type === 'array') {
      const list = (result[name] as unknown[] | undefined) ?? [];
      list.push(this.#value(schema.items ?? {}, inner, value));
      result[name] = list;
      return;
    }
    if (typeof schema.additionalProperties === 'object' && inner) {
      const map = (result[name] as Fields | undefined) ?? {};
      const entry = this.#entry(inner, schema.additionalProperties);
      map[entry.key] = entry.value;
      result[name] = map;
      return;
    }
    const decoded = this.#value(known, inner, value);
    const empty =
      decoded === '' ||
      decoded === undefined ||
      (!pointers.has(name) && (decoded === 0 || decoded === false));
    if (!empty) result[name] = decoded;
  }

  #entry(bytes: Buffer, schema: Schema): { key: string; value: unknown } {
    let key = '';
    let found: unknown = this.#value(schema, Buffer.alloc(0), 0);
    for (const field of new WireReader(bytes).fields()) {
      if (field.number === 1) key = String(field.bytes);
      if (field.number === 2) found = this.#value(schema, field.bytes, field.value);
    }
    return { key, value: found };
  }

  #value(known: Schema, bytes: Buffer | undefined, value: number | undefined): unknown {
    if (known['x-kubernetes-int-or-string']) return bytes ? intOrString(bytes) : value;
    if (known.$ref !== undefined) {
      const name = known.$ref.split('.').at(-1)!;
      if (name === 'FieldsV1') return bytes && JSON.parse(String(firstText(bytes)) || '{}');
      return bytes && this.#message(name, bytes, resolved(known, this.#schemas.definitions));
    }
    if (known.type === 'string') return text(known, bytes);
    if (known.type === 'boolean') return value === 1;
    if (known.type === 'array') return bytes ? listItems(bytes) : [];
    if (known.type === undefined && bytes) return parsed(firstText(bytes));
    return value;
  }
}

function text(known: Schema, bytes: Buffer | undefined): string | undefined {
  if (!bytes) return undefined;
  if (known.format === 'byte') return bytes.toString('base64');
  return known.format === 'date-time' ? timeOf(bytes) : bytes.toString('utf8');
}

/** meta/v1 Time: seconds and nanoseconds; nothing where it is empty. */
function timeOf(bytes: Buffer): string | undefined {
  let seconds = 0;
  let nanoseconds = 0;
  for (const { number, value = 0 } of new WireReader(bytes).fields()) {
    if (number === 1) seconds = value;
    if (number === 2) nanoseconds = value;
  }
  if (bytes.length === 0 || seconds === 0) return undefined;
  return new Date(seconds * 1000 + nanoseconds / 1e6).toISOString().replace(/\.000Z$/, 'Z');
}

/** intstr.IntOrString {type, intVal, strVal}, and resource.Quantity {string}, which has text as its first field. */
function intOrString(bytes: Buffer): number | string {
  let isText = false;
  let number = 0;
  let string = '';
  for (const field of new WireReader(bytes).fields()) {
    if (field.number === 1 && field.bytes) return String(field.bytes);
    if (field.number === 1) isText = field.value === 1;
    if (field.number === 2) number = field.value ?? 0;
    if (field.number === 3) string = String(field.bytes);
  }
  return isText ? string : number;
}

function firstText(bytes: Buffer): string {
  for (const field of new WireReader(bytes).fields())
    if (field.number === 1 && field.bytes) return String(field.bytes);
  return '';
}

const listItems = (bytes: Buffer) =>
  [...new WireReader(bytes).fields()]
    .filter(({ number }) => number === 1)
    .map((field) => String(field.bytes));

function parsed(json: string): unknown {
  try {
    return json === '' ? undefined : JSON.parse(json);
  } catch {
    throw badRequest('the body in protobuf holds text that is no JSON');
  }
}
