import { type Condition, type Ingress, keyOf, kinds, type Route } from '@tagboat/api';
import { canonicalJson, timestamp } from '@tagboat/base';
import { Controller } from '@tagboat/controller';
import { mutate, mutateStatus } from '@tagboat/store';
import { routeHost } from './host-routes.ts';
import type { WorkloadOptions } from './owned-pods.ts';

export interface IngressOptions extends WorkloadOptions {
  /** Where the gateway listens: `http://127.0.0.1:8081`. */
  readonly appsUrl: string;
}

/** Tells in the status of Ingresses and Routes where they are reached; the gateway reads them itself. */
export function ingressControllers(options: IngressOptions): Controller[] {
  return [ingressController(options), routeController(options)];
}

function ingressController({ store, clock, log, appsUrl }: IngressOptions): Controller {
  const { hostname, port } = new URL(appsUrl);
  const ingress = [{ ip: hostname, ports: [{ port: Number(port || 80), protocol: 'TCP' }] }];
  return new Controller({
    name: 'ingress',
    reader: store,
    type: kinds.Ingress,
    clock,
    log,
    reconciler: {
      async reconcile(key) {
        const found = await store.get<Ingress>(key);
        if (!found || canonicalJson(found.status?.loadBalancer?.ingress ?? []) === canonicalJson(ingress))
          return;
        await mutateStatus<Ingress>(store, key, (draft) => {
          draft.status = { ...draft.status, loadBalancer: { ingress } };
        });
      },
    },
  });
}

function routeController({ store, clock, log, appsUrl }: IngressOptions): Controller {
  return new Controller({
    name: 'route',
    reader: store,
    type: kinds.Route,
    clock,
    log,
    reconciler: {
      async reconcile(key) {
        const found = await store.get<Route>(key);
        if (!found?.spec) return;
        const host = routeHost(found);
        const route = found.spec.host
          ? found
          : await mutate<Route>(store, keyOf(kinds.Route, found), (draft) => {
              draft.spec!.host = host;
            });
        const before = route.status?.ingress?.[0];
        if (before?.host === host) return;
        const message = `http://${host}:${new URL(appsUrl).port}${route.spec?.tls ? '; TLS is not served here' : ''}`;
        const admitted: Condition = {
          type: 'Admitted',
          status: 'True',
          message,
          lastTransitionTime: timestamp(clock),
        };
        await mutateStatus<Route>(store, key, (draft) => {
          draft.status = {
            ingress: [{ host, routerName: 'default', conditions: [admitted], wildcardPolicy: 'None' }],
          };
        });
      },
    },
  });
}
