type Json = Record<string, unknown>;

/**
 * A property's value without what the editor wraps it in: version 8 has `{widget, value}`, version 7
 * `{activeControl, <control>: value}`.
 */
export function plain(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const wrapped = value as Json;
  if (typeof wrapped.activeControl === 'string') return plain(wrapped[wrapped.activeControl]);
  if ('widget' in wrapped && 'value' in wrapped) return plain(wrapped.value);
  return value;
}

export function textOf(value: unknown): string | undefined {
  const found = plain(value);
  return typeof found === 'string' && found.trim() !== '' ? found : undefined;
}

export function textsOf(value: unknown): string[] {
  const found = plain(value);
  const list = Array.isArray(found) ? found : typeof found === 'string' ? found.split('\n') : [];
  return list.map((item) => textOf(item) ?? '').filter((text) => text.trim() !== '');
}

/** @returns undefined where nothing is there, NaN where it is no number */
export function numberOf(value: unknown): number | undefined {
  const found = plain(value);
  if (found === undefined || found === null || found === '') return undefined;
  return Number(found);
}

export const booleanOf = (value: unknown): boolean => plain(value) === true || plain(value) === 'true';

/** How version 7 writes the items of these lists as one text, with the names that version 8 has for their parts. */
const textual: Readonly<Record<string, RegExp>> = {
  env_vars: /^(?<env_var>[^=]+)=?(?<value>.*)$/s,
  mounted_volumes: /^(?<path>[^=]+)=(?<pvc_name>.*)$/,
  kubernetes_pod_annotations: /^(?<key>[^=]+)=(?<value>.*)$/s,
  kubernetes_pod_labels: /^(?<key>[^=]+)=(?<value>.*)$/,
  kubernetes_tolerations: /^(?<key>[^:]*):(?<operator>[^:]*):(?<value>[^:]*):(?<effect>[^:]*)$/,
  kubernetes_secrets: /^(?<env_var>[^=]+)=(?<name>[^:]*):?(?<key>.*)$/,
};

/** A list of records, of version 8 or (as texts) of version 7. */
export function recordsOf(value: unknown, key = ''): Record<string, string>[] {
  const found = plain(value);
  if (!Array.isArray(found)) return [];
  return found.flatMap((item: unknown): Record<string, string>[] => {
    if (typeof item === 'object' && item !== null) return [item as Record<string, string>];
    const groups = textual[key]?.exec(String(item))?.groups;
    return groups ? [{ ...groups }] : [];
  });
}
