import { kinds, type Pod, type Service } from '@tagboat/api';
import type { Reader } from '@tagboat/store';

/** Variables that name the Services of the namespace (core/v1 `enableServiceLinks`). */
export async function serviceLinks(
  reader: Reader,
  { metadata: pod, spec: declared }: Pod,
): Promise<Record<string, string>> {
  if (declared?.enableServiceLinks === false) return {};
  const { items } = await reader.list<Service>(kinds.Service, {
    namespace: pod.namespace ?? '',
  });
  const variables: Record<string, string> = {};
  for (const { metadata, spec } of items) {
    const [port] = spec?.ports ?? [];
    if (!spec?.clusterIP || spec.clusterIP === 'None' || !port) continue;
    const prefix = metadata.name.toUpperCase().replaceAll('-', '_');
    variables[`${prefix}_SERVICE_HOST`] = spec.clusterIP;
    variables[`${prefix}_SERVICE_PORT`] = String(port.port);
    for (const { name, port: number } of spec.ports ?? [])
      if (name)
        variables[`${prefix}_SERVICE_PORT_${name.toUpperCase().replaceAll('-', '_')}`] = String(number);
  }
  return variables;
}
