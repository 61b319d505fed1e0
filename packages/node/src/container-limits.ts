import type { Container } from '@tagboat/api';
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
