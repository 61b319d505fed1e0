import type { Container } from '@tagboat/api';
import type { ResourceLimits } from './control-groups.ts';
import { parseQuantity } from './quantity.ts';

/** The limits that a container declares. @throws `Invalid` for what is not a quantity */
export function limitsOf({ resources }: Container): ResourceLimits {
  const { memory, cpu } = resources?.limits ?? {};
  return {
    ...(memory === undefined ? {} : { memory: parseQuantity(memory) }),
    ...(cpu === undefined ? {} : { cpu: parseQuantity(cpu) }),
  };
}
