import { statfs } from 'node:fs/promises';
import { arch, availableParallelism, hostname, release, type as systemName, totalmem } from 'node:os';
import { type Condition, type KubernetesObject, keyOf, kinds } from '@tagboat/api';
import { slug, timestamp } from '@tagboat/base';
import { createIfAbsent, mutate, mutateStatus } from '@tagboat/store';
import type { NodeContext } from './context.ts';

export type MachineNode = KubernetesObject<
  { podCIDR?: string; taints?: { key: string; effect: string }[]; unschedulable?: boolean },
  {
    capacity?: Record<string, string>;
    allocatable?: Record<string, string>;
    conditions?: (Condition & { lastHeartbeatTime?: string })[];
    addresses?: { type: string; address: string }[];
    nodeInfo?: Record<string, string>;
  }
>;

export const machineName = () => slug(hostname());

const mostPods = '1000';

/** Writes the `Node` that is this machine, once: the platform's own life is its heartbeat. */
export async function describeMachine(context: NodeContext, version: string): Promise<void> {
  const { store, clock, layout, nodeName, driver, groups } = context;
  const labels = {
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': process.platform,
    'kubernetes.io/arch': arch() === 'x64' ? 'amd64' : arch(),
    'node-role.kubernetes.io/control-plane': '',
  };
  const object: MachineNode = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: nodeName, labels },
    spec: {},
  };
  const key = keyOf(kinds.Node, object);
  await createIfAbsent(store, key, object);
  await mutate<MachineNode>(store, key, (draft) => {
    draft.metadata.labels = { ...draft.metadata.labels, ...labels };
  });
  const disk = await statfs(layout.home);
  const capacity = {
    cpu: String(availableParallelism()),
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    'ephemeral-storage': `${Math.floor((disk.blocks * disk.bsize) / 1024)}Ki`,
    pods: mostPods,
  };
  const now = timestamp(clock);
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string) => ({
    type,
    status,
    reason,
    message,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  });
  await mutateStatus<MachineNode>(store, key, (draft) => {
    draft.status = {
      ...draft.status,
      capacity,
      allocatable: capacity,
      addresses: [
        { type: 'InternalIP', address: '127.0.0.1' },
        { type: 'Hostname', address: nodeName },
      ],
      conditions: [
        condition(
          'MemoryPressure',
          'False',
          'KubeletHasSufficientMemory',
          'kubelet has sufficient memory available',
        ),
        condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
        condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
        condition(
          'Ready',
          'True',
          'KubeletReady',
          `pods run by the ${driver.name} driver; limits of: ${groups.controllers.join(', ') || 'nothing'}`,
        ),
      ],
      nodeInfo: {
        architecture: labels['kubernetes.io/arch'],
        operatingSystem: process.platform,
        kernelVersion: release(),
        osImage: systemName(),
        containerRuntimeVersion: `tagboat-${driver.name}://${version}`,
        kubeletVersion: `v1.32.0+tagboat`,
        kubeProxyVersion: `v1.32.0+tagboat`,
        machineID: '',
        systemUUID: '',
        bootID: '',
      },
    };
  });
}
