import { type Ingress, type IngressBackend, isOwnHost, type Route } from '@tagboat/api';

/** A way in from a host name and path to a Service. */
export interface HostRule {
  /** Absent: any host. `*.` in front stands for one label. */
  readonly host: string | undefined;
  readonly path: string;
  readonly exact: boolean;
  readonly namespace: string;
  readonly service: string;
  /** Of the Service, by number or name. */
  readonly port: number | string | undefined;
}

export function ingressRules({ metadata, spec }: Ingress): HostRule[] {
  const namespace = metadata.namespace ?? '';
  const to = (backend: IngressBackend, where: Pick<HostRule, 'host' | 'path' | 'exact'>): HostRule[] =>
    backend.service
      ? [
          {
            ...where,
            namespace,
            service: backend.service.name,
            port: backend.service.port?.number ?? backend.service.port?.name,
          },
        ]
      : [];
  const rules = (spec?.rules ?? []).flatMap(({ host, http }) =>
    (http?.paths ?? []).flatMap(({ path = '/', pathType, backend }) =>
      to(backend, { host: host?.toLowerCase(), path, exact: pathType === 'Exact' }),
    ),
  );
  const rest = spec?.defaultBackend
    ? to(spec.defaultBackend, { host: undefined, path: '/', exact: false })
    : [];
  return [...rules, ...rest];
}

/** The host name of a Route that names none: one that browsers take to this machine. */
export const routeHost = ({ metadata, spec }: Route) =>
  (spec?.host ?? `${metadata.name}-${metadata.namespace}.apps.localhost`).toLowerCase();

export function routeRules(route: Route): HostRule[] {
  const { metadata, spec } = route;
  return spec
    ? [
        {
          host: routeHost(route),
          path: spec.path ?? '/',
          exact: false,
          namespace: metadata.namespace ?? '',
          service: spec.to.name,
          port: spec.port?.targetPort,
        },
      ]
    : [];
}

/** The rule that a request follows: exact before prefix, longer before shorter (networking.k8s.io/v1 IngressRule). */
export function matchRule(rules: readonly HostRule[], host: string, path: string): HostRule | undefined {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  return rules
    .filter((rule) => matchesHost(rule.host, name) && matchesPath(rule, path))
    .sort(
      (a, b) =>
        rank(b.host) - rank(a.host) || Number(b.exact) - Number(a.exact) || b.path.length - a.path.length,
    )[0];
}

/** A host that is named counts more than a wildcard, and that more than none. */
const rank = (host: string | undefined) => (host === undefined ? 0 : host.startsWith('*.') ? 1 : 2);

function matchesHost(wanted: string | undefined, host: string): boolean {
  if (wanted === undefined) return true;
  if (isOwnHost(host)) return false;
  return wanted.startsWith('*.') ? host.slice(host.indexOf('.')) === wanted.slice(1) : host === wanted;
}

function matchesPath({ path, exact }: HostRule, asked: string): boolean {
  if (exact) return asked === path;
  const prefix = path.replace(/\/+$/, '');
  return asked === prefix || asked.startsWith(`${prefix}/`) || prefix === '';
}
