import type { Pod, Service } from '@tagboat/api';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where a Service listens and what its connections are passed on to. */
export interface ListenerPort extends Address {
  readonly backends: readonly Address[];
}

type ServicePort = NonNullable<NonNullable<Service['spec']>['ports']>[number];

/** The port of a pod that a Service's port stands for; names are those of the pod's own ports. */
export function targetPort(
  port: Pick<ServicePort, 'port' | 'targetPort'> | undefined,
  pod: Pod | undefined,
): number {
  const target = port?.targetPort ?? port?.port ?? 8080;
  if (typeof target === 'number') return target;
  const ports = (pod?.spec?.containers ?? []).flatMap(({ ports: own }) => own ?? []);
  return ports.find(({ name }) => name === target)?.containerPort ?? (Number(target) || 8080);
}

/** Where a pod is reached: on a shared network it may have another port than it declares. */
export function podAddress(pod: Pod, port: number): Address {
  const { podIP = '', hostPort } = pod.status ?? {};
  const declared = (pod.spec?.containers ?? []).flatMap(({ ports }) => ports ?? [])[0]?.containerPort;
  return { host: podIP, port: hostPort !== undefined && (declared ?? port) === port ? hostPort : port };
}

export function listenerPorts({ spec }: Service, ready: readonly Pod[]): ListenerPort[] {
  return (spec?.ports ?? [])
    .filter(({ protocol = 'TCP' }) => protocol === 'TCP')
    .flatMap((port) => {
      const backends = ready.map((pod) => podAddress(pod, targetPort(port, pod)));
      const own =
        spec?.clusterIP && spec.clusterIP !== 'None'
          ? [{ host: spec.clusterIP, port: port.port, backends }]
          : [];
      return port.nodePort ? [...own, { host: '127.0.0.1', port: port.nodePort, backends }] : own;
    });
}
