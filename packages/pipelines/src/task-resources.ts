import type { Container } from '@tagboat/api';

type Resources = NonNullable<Container['resources']>;

/**
 * What each step gets of the resources that a TaskRun asks for as a whole: its part of the requests, and all of the
 * limits; what the steps say themselves does not count then (Tekton's docs/compute-resources.md, task-level).
 */
export function stepShare(whole: Resources | undefined, steps: number): Resources | undefined {
  if (!whole?.requests && !whole?.limits) return undefined;
  const { requests, limits } = whole;
  return {
    ...(requests && {
      requests: Object.fromEntries(
        Object.entries(requests).map(([name, quantity]) => [name, divided(String(quantity), steps)]),
      ),
    }),
    ...(limits && { limits }),
  };
}

/** A part of a quantity: of whole units in thousandths, of others in the same unit. */
function divided(quantity: string, parts: number): string {
  const [, number = '', unit = ''] = /^([\d.]+)(\D*)$/.exec(quantity) ?? [];
  if (number === '' || parts === 1) return quantity;
  const share = Number(number) / parts;
  return unit === '' && !Number.isInteger(share)
    ? `${Math.floor(share * 1000)}m`
    : `${Math.floor(share * 1000) / 1000}${unit}`;
}
