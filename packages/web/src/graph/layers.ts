export interface Edge {
  readonly from: string;
  readonly to: string;
}

export interface Slot {
  /** How many tasks come before it at least, from 0. */
  readonly layer: number;
  /** Its place among those of its layer, counted from the middle; halves where their number is even. */
  readonly row: number;
}

/** Passes over the layers, to and fro, that bring tasks near those they are linked with. */
const passes = 4;

/**
 * Tasks in layers, each one layer after the last of what it waits for and near the middle of it. For many tasks: takes time
 * in proportion to the lines, where a layout that looks for the fewest crossings takes seconds. Circles are cut. Pure.
 */
export function placeInLayers(names: readonly string[], edges: readonly Edge[]): Map<string, Slot> {
  const before = Map.groupBy(edges, ({ to }) => to);
  const after = Map.groupBy(edges, ({ from }) => from);
  const layers = layersOf(names, before, after);
  const rows = new Map<string, number>();
  for (const layer of layers) spread(layer, rows);
  for (let pass = 0; pass < passes; pass++) {
    const down = pass % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      const near = (name: string): number => {
        const linked = down
          ? (before.get(name) ?? []).map(({ from }) => from)
          : (after.get(name) ?? []).map(({ to }) => to);
        if (linked.length === 0) return rows.get(name)!;
        return linked.reduce((sum, other) => sum + rows.get(other)!, 0) / linked.length;
      };
      const wanted = new Map(layer.map((name) => [name, near(name)]));
      layer.sort((a, b) => wanted.get(a)! - wanted.get(b)!);
      spread(layer, rows);
    }
  }
  return new Map(
    layers.flatMap((layer, index) =>
      layer.map((name) => [name, { layer: index, row: rows.get(name)! }] as const),
    ),
  );
}

function spread(layer: readonly string[], rows: Map<string, number>): void {
  for (const [index, name] of layer.entries()) rows.set(name, index - (layer.length - 1) / 2);
}

type Links = ReadonlyMap<string, readonly Edge[]>;

/** The longest way to each task, from those that wait for nothing on; what is left in a circle comes last. */
function layersOf(names: readonly string[], before: Links, after: Links): string[][] {
  const waits = new Map(names.map((name) => [name, before.get(name)?.length ?? 0]));
  const depth = new Map<string, number>();
  const open = names.filter((name) => waits.get(name) === 0);
  for (const name of open) depth.set(name, 0);
  for (let next = 0; next < open.length; next++) {
    const name = open[next]!;
    for (const { to } of after.get(name) ?? []) {
      depth.set(to, Math.max(depth.get(to) ?? 0, depth.get(name)! + 1));
      waits.set(to, waits.get(to)! - 1);
      if (waits.get(to) === 0) open.push(to);
    }
  }
  const deepest = Math.max(0, ...open.map((name) => depth.get(name)!));
  const done = new Set(open);
  const layers: string[][] = Array.from({ length: deepest + 2 }, () => []);
  for (const name of names) layers[done.has(name) ? depth.get(name)! : deepest + 1]!.push(name);
  return layers.filter((layer) => layer.length > 0);
}
