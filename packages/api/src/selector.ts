import { invalid } from '@tagboat/base';

/** One requirement of a label selector (meta/v1 LabelSelectorRequirement plus the equality forms). */
export interface Requirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
}

export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

const term =
  /^\s*(?:(!)\s*([\w./-]+)|([\w./-]+)\s+(in|notin)\s*\(([^)]*)\)|([\w./-]+)\s*(==|!=|=)\s*([\w./:-]*)|([\w./-]+))\s*(?:,|$)/;

/** Reads `a=b,c!=d,e in (f,g),h,!i` (labels.Parse in apimachinery). @throws `Invalid` */
export function parseSelector(text: string): Requirement[] {
  const requirements: Requirement[] = [];
  let rest = text;
  while (rest.trim() !== '') {
    const match = term.exec(rest);
    if (!match)
      throw invalid(`cannot read the selector "${text}" at "${rest.slice(0, 40)}"`, {
        hint: 'write for example app=web,tier in (a,b),!canary',
      });
    const [whole, not, absent, setKey, setOperator, setValues, key, operator, value, exists] = match;
    if (not) requirements.push({ key: absent!, operator: 'DoesNotExist', values: [] });
    else if (setKey)
      requirements.push({
        key: setKey,
        operator: setOperator === 'in' ? 'In' : 'NotIn',
        values: setValues!.split(',').map((v) => v.trim()),
      });
    else if (key) requirements.push({ key, operator: operator === '!=' ? 'NotIn' : 'In', values: [value!] });
    else requirements.push({ key: exists!, operator: 'Exists', values: [] });
    rest = rest.slice(whole.length);
  }
  return requirements;
}

/** The requirements of an object's `selector` field. An empty selector matches everything. */
export function selectorRequirements(selector: LabelSelector): Requirement[] {
  const equalities = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
    key,
    operator: 'In' as const,
    values: [value],
  }));
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values }) => ({
    key,
    operator: operator as Requirement['operator'],
    values: values ?? [],
  }));
  return [...equalities, ...expressions];
}

export function matchesLabels(
  labels: Readonly<Record<string, string>> | undefined,
  requirements: readonly Requirement[],
): boolean {
  return requirements.every(({ key, operator, values }) => {
    const value = labels?.[key];
    switch (operator) {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      default:
        return value === undefined;
    }
  });
}

/** One term of a field selector, such as `status.phase!=Failed`. */
export interface FieldRequirement {
  readonly path: readonly string[];
  readonly equal: boolean;
  readonly value: string;
}

/** Reads `metadata.name=x,status.phase!=Failed` (apimachinery `fields.ParseSelector`). @throws `Invalid` */
export function parseFieldSelector(text: string): FieldRequirement[] {
  return text
    .split(/(?<!\\),/)
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const match = /^\s*([\w./[\]'-]+)\s*(==|!=|=)(.*)$/s.exec(part);
      if (!match)
        throw invalid(`cannot read the field selector "${part.slice(0, 80)}"`, {
          hint: 'write for example metadata.name=web,status.phase!=Failed',
        });
      return {
        path: match[1]!.split('.'),
        equal: match[2] !== '!=',
        value: match[3]!.trim().replace(/\\([,=\\])/g, '$1'),
      };
    });
}

/** A field that is absent counts as the empty text. */
export function matchesFields(object: unknown, requirements: readonly FieldRequirement[]): boolean {
  return requirements.every(({ path, equal, value }) => {
    let found: unknown = object;
    for (const part of path) found = (found as Record<string, unknown> | undefined | null)?.[part];
    return (String(found ?? '') === value) === equal;
  });
}
