import type { Schema } from '../schema/schema.ts';
import type { Cause } from '../status.ts';

/** A value as messages show it. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

export function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

export function hasType(value: unknown, schema: Schema): boolean {
  const found = typeOf(value);
  if (schema['x-kubernetes-int-or-string']) return ['integer', 'string', 'number'].includes(found);
  if (schema.type === undefined) return true;
  return found === schema.type || (schema.type === 'number' && found === 'integer');
}

/** What is wrong with a value beside its type: ranges, lengths, patterns, formats, choices. */
export function limitCauses(value: unknown, schema: Schema, field: string): Cause[] {
  const wrong = (message: string): Cause => ({
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${shown(value)}: ${message}`,
    field,
  });
  const causes: Cause[] = [];
  if (schema.enum && !schema.enum.some((choice) => JSON.stringify(choice) === JSON.stringify(value)))
    causes.push({
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${shown(value)}: supported values: ${schema.enum.map(shown).join(', ')}`,
      field,
    });
  if (typeof value === 'number') causes.push(...numberLimits(value, schema).map(wrong));
  if (typeof value === 'string') causes.push(...textLimits(value, schema).map(wrong));
  if (Array.isArray(value))
    causes.push(...sizeLimits(value.length, schema.minItems, schema.maxItems, 'items').map(wrong));
  else if (typeof value === 'object' && value !== null)
    causes.push(
      ...sizeLimits(Object.keys(value).length, schema.minProperties, schema.maxProperties, 'properties').map(
        wrong,
      ),
    );
  return causes;
}

function numberLimits(value: number, schema: Schema): string[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const found: string[] = [];
  if (minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum))
    found.push(`should be greater than${exclusiveMinimum ? '' : ' or equal to'} ${minimum}`);
  if (maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum))
    found.push(`should be less than${exclusiveMaximum ? '' : ' or equal to'} ${maximum}`);
  if (multipleOf && value % multipleOf !== 0) found.push(`should be a multiple of ${multipleOf}`);
  if (schema.format === 'int32' && Math.abs(value) > 2 ** 31) found.push('should fit in 32 bits');
  return found;
}

function textLimits(value: string, schema: Schema): string[] {
  const limited = schema.minLength !== undefined || schema.maxLength !== undefined;
  const found = limited
    ? sizeLimits([...value].length, schema.minLength, schema.maxLength, 'characters')
    : [];
  if (schema.pattern !== undefined && !matchesPattern(value, schema.pattern))
    found.push(`should match '${schema.pattern}'`);
  if (schema.format !== undefined && !hasFormat(value, schema.format))
    found.push(`should be a ${schema.format}`);
  return found;
}

/** A pattern is the author's: one that takes forever on its values stands in a definition that only the owner can write. */
function matchesPattern(value: string, pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(value);
  } catch {
    return new RegExp(pattern).test(value);
  }
}

function sizeLimits(
  size: number,
  least: number | undefined,
  most: number | undefined,
  what: string,
): string[] {
  const found: string[] = [];
  if (least !== undefined && size < least) found.push(`should have at least ${least} ${what}`);
  if (most !== undefined && size > most) found.push(`should have at most ${most} ${what}`);
  return found;
}

const time = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

function hasFormat(value: string, format: string): boolean {
  switch (format) {
    case 'date-time':
      return time.test(value) && !Number.isNaN(Date.parse(value));
    case 'date':
      return /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value));
    case 'byte':
      return value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value.replace(/[\r\n]/g, ''));
    case 'uri':
      return URL.canParse(value);
    case 'uuid':
      return /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(value);
    default:
      return true;
  }
}
