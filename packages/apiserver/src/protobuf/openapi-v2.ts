/**
 * OpenAPI v2 in protobuf, the only form in which Go clients read it (gnostic `openapiv2/OpenAPIv2.proto`). Field numbers
 * stand beside the names of that file.
 */
type Json = Record<string, unknown>;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}

const bytesField = (number: number, bytes: Buffer) =>
  Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
const textField = (number: number, text: unknown) =>
  typeof text === 'string' && text !== '' ? bytesField(number, Buffer.from(text)) : Buffer.alloc(0);
const message = (...parts: Buffer[]) => Buffer.concat(parts);
const texts = (number: number, list: unknown) =>
  Buffer.concat(Array.isArray(list) ? list.map((text) => textField(number, text)) : []);

/** NamedAny { name 1, value 2: Any { yaml 2 } }; JSON is YAML too. */
const named = (name: string, value: unknown) =>
  message(textField(1, name), bytesField(2, textField(2, `${JSON.stringify(value)}\n`)));

const extensions = (number: number, value: Json) =>
  Buffer.concat(
    Object.entries(value)
      .filter(([name]) => name.startsWith('x-'))
      .map(([name, inner]) => bytesField(number, named(name, inner))),
  );

/** Schema; the parts that describe shape and merging. */
function schema(value: Json): Buffer {
  const { items, properties, additionalProperties, type } = value;
  return message(
    textField(1, value.$ref),
    textField(2, value.format),
    textField(4, value.description),
    texts(19, value.required),
    additionalProperties === undefined ? Buffer.alloc(0) : bytesField(21, additional(additionalProperties)),
    typeof type === 'string' ? bytesField(22, textField(1, type)) : Buffer.alloc(0),
    items ? bytesField(23, bytesField(1, schema(items as Json))) : Buffer.alloc(0),
    properties ? bytesField(25, schemas(properties as Json)) : Buffer.alloc(0),
    extensions(31, value),
  );
}

/** AdditionalPropertiesItem { schema 1 | boolean 2 } */
const additional = (value: unknown) =>
  typeof value === 'object' && value !== null
    ? bytesField(1, schema(value as Json))
    : Buffer.concat([varint(2 * 8), varint(value ? 1 : 0)]);

/** Definitions and Properties: NamedSchema { name 1, value 2 } in 1. */
const schemas = (all: Json) =>
  Buffer.concat(
    Object.entries(all).map(([name, value]) =>
      bytesField(1, message(textField(1, name), bytesField(2, schema(value as Json)))),
    ),
  );

/** ParametersItem { parameter 1: Parameter { non_body_parameter 2: { query_parameter_sub_schema 3 } } } */
function parameter(value: Json): Buffer {
  const query = message(
    textField(2, value.in),
    textField(3, value.description),
    textField(4, value.name),
    textField(6, value.type),
  );
  return bytesField(1, bytesField(2, bytesField(3, query)));
}

function operation(value: Json): Buffer {
  const parameters = (value.parameters as Json[]).filter((item) => item.in === 'query');
  return message(...parameters.map((item) => bytesField(8, parameter(item))), extensions(13, value));
}

const methods: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

const pathItem = (value: Json) =>
  Buffer.concat(
    Object.entries(value).map(([method, inner]) => bytesField(methods[method]!, operation(inner as Json))),
  );

/** The document in protobuf. */
export function encodeOpenApiV2(document: Json): Buffer {
  const info = document.info as Json;
  const paths = Object.entries(document.paths as Json).map(([path, item]) =>
    bytesField(2, message(textField(1, path), bytesField(2, pathItem(item as Json)))),
  );
  return message(
    textField(1, document.swagger),
    bytesField(2, message(textField(1, info.title), textField(2, info.version))),
    bytesField(8, Buffer.concat(paths)),
    bytesField(9, schemas(document.definitions as Json)),
  );
}
