import { Environment } from '@marcbachmann/cel-js';
import { describeError } from '@tagboat/base';
import { fieldSchema, mapKeys, type Schema, type Validation } from '../schema/schema.ts';
import type { Cause } from '../status.ts';
import { childField } from './schema-walk.ts';
import { shown } from './values.ts';

const environment = new Environment({ unlistedVariablesAreDyn: true });
type Program = ReturnType<typeof environment.parse>;
const programs = new Map<string, Program>();
const ruled = new WeakMap<Schema, boolean>();

/** @throws where the rule is no CEL */
export function compileRule(rule: string): Program {
  let program = programs.get(rule);
  if (!program) {
    program = environment.parse(rule);
    programs.set(rule, program);
  }
  return program;
}

/** True where a schema has rules anywhere, so that others cost nothing. */
function hasRules(schema: Schema): boolean {
  let known = ruled.get(schema);
  if (known === undefined) {
    known = JSON.stringify(schema).includes('"x-kubernetes-validations"');
    ruled.set(schema, known);
  }
  return known;
}

/** What the CEL rules of a custom kind find (`x-kubernetes-validations`); rules about `oldSelf` hold for updates alone. */
export function ruleCauses(schema: Schema, value: unknown, old: unknown, field = ''): Cause[] {
  if (value === undefined || value === null || !hasRules(schema)) return [];
  const causes = (schema['x-kubernetes-validations'] ?? []).flatMap((rule) =>
    failure(rule, { value, old, field }),
  );
  if (Array.isArray(value)) {
    const before = Array.isArray(old) ? old : [];
    for (const [index, item] of value.entries())
      causes.push(
        ...ruleCauses(schema.items ?? {}, item, counterpart(schema, item, before), `${field}[${index}]`),
      );
  } else if (typeof value === 'object')
    for (const [name, inner] of Object.entries(value)) {
      const known = fieldSchema(schema, name);
      const before = (old as Record<string, unknown> | undefined)?.[name];
      if (known)
        causes.push(
          ...ruleCauses(known, inner, before, childField(field, name, schema.properties !== undefined)),
        );
    }
  return causes;
}

/** The item of the earlier list that is the same by its keys. */
function counterpart(schema: Schema, item: unknown, before: readonly unknown[]): unknown {
  const keys = mapKeys(schema);
  if (!keys) return undefined;
  const same = (other: unknown) => keys.every((key) => (other as never)?.[key] === (item as never)?.[key]);
  return before.find(same);
}

function failure(
  validation: Validation,
  { value, old, field }: { value: unknown; old: unknown; field: string },
): Cause[] {
  const { rule, message, reason = 'FieldValueInvalid', fieldPath = '' } = validation;
  if (/\boldSelf\b/.test(rule) && old === undefined && !validation.optionalOldSelf) return [];
  const at = (field + fieldPath).replace(/^\./, '') || '<root>';
  try {
    const holds = compileRule(rule)({ self: value, ...(old === undefined ? {} : { oldSelf: old }) });
    if (holds === true) return [];
    return [
      { reason, message: `Invalid value: ${shown(value)}: ${message ?? `failed rule: ${rule}`}`, field: at },
    ];
  } catch (error) {
    const why = describeError(error).split('\n')[0];
    return [
      {
        reason,
        message: `Invalid value: ${shown(value)}: the rule ${rule} cannot be evaluated: ${why}`,
        field: at,
      },
    ];
  }
}
