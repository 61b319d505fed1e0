import type { Condition, Pod } from '@tagboat/api';
import { limitsOf } from './container-limits.ts';
import type { NodeContext } from './context.ts';
import { isUntrusted } from './untrusted.ts';

/** What the pod must know about how it runs here. */
export function driverConditions({ driver, driverNote, groups }: NodeContext, pod: Pod): Condition[] {
  const conditions: Condition[] = [{ type: 'PodScheduled', status: 'True' }];
  if (driver.name === 'process')
    conditions.push({
      type: 'Sandboxed',
      status: 'False',
      reason: 'ProcessDriver',
      message: `runs as a plain process of this host, as its user${driverNote ? ` (${driverNote})` : ''}: /tekton, /workspace and what else it mounts are directories elsewhere, whose paths are put into its texts; read-only mounts can be written to; users and groups do not count${
        groups.controllers.length > 0
          ? ''
          : '; without control groups, processes that clear their environment, leave its directory and close its files outlive it'
      }`,
    });
  if (driver.shortcoming)
    conditions.push({
      type: 'PrivilegesDropped',
      status: 'False',
      reason: 'NoPrivilegeTool',
      message: driver.shortcoming,
    });
  if (isUntrusted(pod))
    conditions.push({
      type: 'NetworkShared',
      status: 'True',
      reason: 'HostNetwork',
      message:
        'an outside contributor’s code runs in a container, but on the network of this host: it can reach what listens here without a login',
    });
  if (driver.appliesLimits) return conditions;
  const { initContainers = [], containers = [] } = pod.spec ?? {};
  const missing = new Set(
    [...initContainers, ...containers].flatMap((container) => groups.missing(limitsOf(container))),
  );
  if (missing.size > 0)
    conditions.push({
      type: 'ResourceLimitsApplied',
      status: 'False',
      reason: 'NoControlGroups',
      message: `limits of ${[...missing].join(', ')} are not applied: this host lets no control groups be made`,
    });
  return conditions;
}
