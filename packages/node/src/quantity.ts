import { invalid } from '@tagboat/base';

const suffixes: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** A resource quantity (apimachinery `resource.Quantity`), such as `500m` or `1.5Gi`, as a number. @throws `Invalid` */
export function parseQuantity(quantity: string | number): number {
  const text = String(quantity);
  const match = /^([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:([eE][+-]?\d+)|([numkMGTPE]?|[KMGTPE]i))?$/.exec(text);
  const scale = suffixes[match?.[3] ?? ''];
  if (!match || scale === undefined)
    throw invalid(`expected a quantity such as 500m or 2Gi, found "${text}"`);
  return Number(`${match[1]}${match[2] ?? ''}`) * scale;
}
