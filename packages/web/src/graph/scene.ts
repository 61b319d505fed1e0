import { type Direction, edgesOf, nodeHeight, nodeWidth, type Placed } from './layout.ts';
import type { TaskNode } from './pipeline-graph.ts';

/** Where the graph stands behind its window: a point of it is seen at `x + zoom * its x`. */
export interface Look {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
}

/** A part of the graph, in its own measure. */
export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface SceneBox extends Placed {
  readonly task: TaskNode;
}

export interface SceneEdge {
  readonly from: Placed;
  readonly to: Placed;
  readonly critical: boolean;
  readonly final: boolean;
}

/** A graph with everything in its place, to be drawn in parts. */
export interface Scene {
  readonly boxes: readonly SceneBox[];
  readonly edges: readonly SceneEdge[];
  readonly bounds: Area;
  readonly direction: Direction;
}

export function sceneOf(
  nodes: readonly TaskNode[],
  places: ReadonlyMap<string, Placed>,
  direction: Direction,
): Scene {
  const boxes = nodes.map((task) => ({ task, ...places.get(task.name)! }));
  const byName = new Map(boxes.map((box) => [box.task.name, box]));
  const edges = edgesOf(nodes).map(({ from, to, final }): SceneEdge => {
    const [source, target] = [byName.get(from)!, byName.get(to)!];
    return { from: source, to: target, final, critical: source.task.critical && target.task.critical };
  });
  return { boxes, edges, bounds: boundsOf(boxes), direction };
}

/** The smallest area that holds all boxes. */
export function boundsOf(boxes: readonly Placed[]): Area {
  const x = Math.min(...boxes.map((box) => box.x));
  const y = Math.min(...boxes.map((box) => box.y));
  const right = Math.max(...boxes.map((box) => box.x + nodeWidth));
  const bottom = Math.max(...boxes.map((box) => box.y + nodeHeight));
  return { x, y, width: right - x, height: bottom - y };
}

/** What of the graph is seen in a window of this size (pixels), and `around` it. */
export function areaSeen(look: Look, size: { width: number; height: number }, around = 0): Area {
  return {
    x: (-look.x - around) / look.zoom,
    y: (-look.y - around) / look.zoom,
    width: (size.width + 2 * around) / look.zoom,
    height: (size.height + 2 * around) / look.zoom,
  };
}

export const holds = (outer: Area, inner: Area): boolean =>
  outer.x <= inner.x &&
  outer.y <= inner.y &&
  outer.x + outer.width >= inner.x + inner.width &&
  outer.y + outer.height >= inner.y + inner.height;

const touches = (area: Area, from: Placed, to: Placed): boolean =>
  Math.min(from.x, to.x) <= area.x + area.width &&
  Math.max(from.x, to.x) + nodeWidth >= area.x &&
  Math.min(from.y, to.y) <= area.y + area.height &&
  Math.max(from.y, to.y) + nodeHeight >= area.y;

export const boxesIn = ({ boxes }: Scene, area: Area): SceneBox[] =>
  boxes.filter((box) => touches(area, box, box));

export const edgesIn = ({ edges }: Scene, area: Area): SceneEdge[] =>
  edges.filter(({ from, to }) => touches(area, from, to));

/** The box at a point of the graph. */
export const boxAt = ({ boxes }: Scene, { x, y }: Placed): SceneBox | undefined =>
  boxes.find((box) => x >= box.x && x <= box.x + nodeWidth && y >= box.y && y <= box.y + nodeHeight);

const ways: Readonly<Record<string, Placed>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** Where an arrow key leads from a box: to the nearest on that side, those straight ahead before those aside; none at the border or for other keys. */
export function boxTowards({ boxes }: Scene, from: Placed, key: string): SceneBox | undefined {
  const way = ways[key];
  if (!way) return undefined;
  let best: SceneBox | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const box of boxes) {
    const [right, down] = [(box.x - from.x) / nodeWidth, (box.y - from.y) / nodeHeight];
    const ahead = right * way.x + down * way.y;
    const aside = Math.abs(right * way.y) + Math.abs(down * way.x);
    if (ahead <= 0.01 || aside > ahead * 4) continue;
    const cost = ahead + 2 * aside;
    if (cost < least) [best, least] = [box, cost];
  }
  return best;
}
