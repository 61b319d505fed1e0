import { coreFields } from './core-fields.ts';
import { tektonFields } from './tekton-fields.ts';

/** What a value of a Tekton object is; `any` is whatever its user means. */
export type Form =
  | { readonly is: 'text' | 'flag' | 'whole' | 'quantity' | 'port' | 'duration' | 'mapping' | 'any' }
  | { readonly is: 'list' | 'map'; readonly of: Form }
  | { readonly is: 'object'; readonly fields: () => ReadonlyMap<string, Field> };

export interface Field {
  /** As Tekton writes it. */
  readonly name: string;
  readonly form: Form;
  /** The one version of the API that has it, where not all do. */
  readonly version?: string;
}

const plain = new Set(['text', 'flag', 'whole', 'quantity', 'port', 'duration', 'mapping', 'any']);
const tables: Readonly<Record<string, string>> = { ...coreFields, ...tektonFields };
const objects = new Map<string, Form>();

function formOf(text: string): Form {
  const inner = text.slice(1, -1);
  if (text.startsWith('[')) return { is: 'list', of: formOf(inner) };
  if (text.startsWith('{')) return { is: 'map', of: formOf(inner) };
  return plain.has(text) ? ({ is: text } as Form) : objectForm(text);
}

function objectForm(type: string): Form {
  let form = objects.get(type);
  if (!form) {
    let fields: ReadonlyMap<string, Field> | undefined;
    form = {
      is: 'object',
      fields: () => {
        fields ??= parseFields(tables[type]!);
        return fields;
      },
    };
    objects.set(type, form);
  }
  return form;
}

/** By their names in lower case: Go's JSON decoding matches names whatever their case. */
function parseFields(table: string): Map<string, Field> {
  return new Map(
    table.split(' ').map((entry) => {
      const [, name, version, type] = /^(\w+)(?:@(\w+))?(?::(.+))?$/.exec(entry)!;
      const field = { name: name!, form: formOf(type ?? 'text'), ...(version ? { version } : {}) };
      return [name!.toLowerCase(), field];
    }),
  );
}

const kinds = ['Task', 'Pipeline', 'TaskRun', 'PipelineRun', 'StepAction', 'CustomRun'] as const;

export type SpecKind = (typeof kinds)[number];

/** The form of the specs of a kind of Tekton; undefined for other kinds. */
export function specForm(kind: string): Form | undefined {
  return (kinds as readonly string[]).includes(kind) ? objectForm(kind) : undefined;
}

/** A spec with its field names as Tekton writes them; `null` fields are left out. What is not a known field stays as it is. */
export function canonicalSpec<T>(kind: SpecKind, spec: T): T {
  return canonical(spec, objectForm(kind)) as T;
}

function canonical(value: unknown, form: Form): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return form.is === 'list' ? value.map((item) => canonical(item, form.of)) : value;
  if (form.is !== 'object') return value;
  const fields = form.fields();
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === null || item === undefined) continue;
    const field = fields.get(key.toLowerCase());
    result[field?.name ?? key] = field ? canonical(item, field.form) : item;
  }
  return result;
}
