import { type Container, type Pod, podStepsAnnotation } from '@tagboat/api';
import type { ResourceLimits } from './control-groups.ts';
import { parseQuantity } from './quantity.ts';

/** The limits that a container declares, and the CPU that it asks for. @throws `Invalid` for what is not a quantity */
export function limitsOf({ resources }: Container): ResourceLimits {
  const { memory, cpu } = resources?.limits ?? {};
  const requestedCpu = resources?.requests?.cpu;
  return {
    ...(memory === undefined ? {} : { memory: parseQuantity(memory) }),
    ...(cpu === undefined ? {} : { cpu: parseQuantity(cpu) }),
    ...(requestedCpu === undefined ? {} : { requestedCpu: parseQuantity(requestedCpu) }),
  };
}

/**
 * What a pod asks for as a whole, since pods share the CPUs by that: its containers' requests together, of a task's steps,
 * which run one after the other, the largest. Nothing where none of them asks.
 * @throws `Invalid` for what is not a quantity
 */
export function requestsOf({ metadata, spec }: Pod): Pick<ResourceLimits, 'requestedCpu'> {
  const asked = (spec?.containers ?? []).map((container) => ({
    inTurn:
      metadata.annotations?.[podStepsAnnotation] !== undefined && !container.name.startsWith('sidecar-'),
    cpu: limitsOf(container).requestedCpu,
  }));
  if (asked.every(({ cpu }) => cpu === undefined)) return {};
  const ofSteps = asked.filter(({ inTurn }) => inTurn).map(({ cpu = 1 }) => cpu);
  const beside = asked.filter(({ inTurn }) => !inTurn).map(({ cpu = 1 }) => cpu);
  return { requestedCpu: Math.max(0, ...ofSteps) + beside.reduce((sum, cpu) => sum + cpu, 0) };
}
