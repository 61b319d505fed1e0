type Raw = Record<string, unknown>;

/** What is wrong with the resources that the training, or what serves, asks for; undefined where nothing is. */
export function resourcesProblem(
  part: 'train' | 'serve',
  spec: Raw,
): { message: string; path: string[] } | undefined {
  const raw = (spec[part] as Raw | undefined)?.resources;
  for (const [key, value] of Object.entries((raw ?? {}) as Raw)) {
    const path = [part, 'resources', key];
    if (key === 'gpu' && part === 'train') {
      if (Number(value) > 0)
        return { message: 'train.resources.gpu: this machine gives no GPU to runs', path };
    } else if (!/^\d+(\.\d+)?(m|[kKMGT]i?)?$/.test(String(value)))
      return {
        message: `${part}.resources.${key}: expected a quantity such as 500m or 2Gi, found ${JSON.stringify(value)}`,
        path,
      };
    else if (part === 'train' && key !== 'cpu' && key !== 'memory')
      return { message: `train.resources.${key}: expected cpu, memory or gpu`, path };
  }
  return undefined;
}

/** The resources of `train` as texts; what is not asked for is left out. */
export const quantitiesOf = (train: Raw): Record<string, string> =>
  Object.fromEntries(
    Object.entries((train.resources ?? {}) as Raw)
      .filter(([key]) => key !== 'gpu')
      .map(([key, value]) => [key, String(value)]),
  );
