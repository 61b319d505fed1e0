import { Graph, layout } from '@dagrejs/dagre';
import { placeInLayers } from './layers.ts';
import type { TaskNode } from './pipeline-graph.ts';

export const nodeWidth = 176;
export const nodeHeight = 58;

export type Direction = 'LR' | 'TB';

export interface Placed {
  readonly x: number;
  readonly y: number;
}

/** More than so many are neither readable nor quick to draw all at once, and take long to place well. */
export const manyTasks = 60;

const gaps = { LR: { between: 16, along: 44 }, TB: { between: 16, along: 30 } } as const;

function placeMany(
  nodes: readonly Pick<TaskNode, 'name' | 'after' | 'final'>[],
  direction: Direction,
): Map<string, Placed> {
  const slots = placeInLayers(
    nodes.map(({ name }) => name),
    edgesOf(nodes),
  );
  const { between, along } = gaps[direction];
  return new Map(
    [...slots].map(([name, { layer, row }]) => [
      name,
      direction === 'LR'
        ? { x: layer * (nodeWidth + along), y: row * (nodeHeight + between) }
        : { x: row * (nodeWidth + between), y: layer * (nodeHeight + along) },
    ]),
  );
}

/** Where each task stands, from left to right or from top to bottom; final tasks after all others. Depends on names and order alone. */
export function placeTasks(
  nodes: readonly Pick<TaskNode, 'name' | 'after' | 'final'>[],
  direction: Direction = 'LR',
): Map<string, Placed> {
  if (nodes.length > manyTasks) return placeMany(nodes, direction);
  const graph = new Graph();
  graph.setGraph({
    rankdir: direction,
    nodesep: gaps[direction].between,
    ranksep: gaps[direction].along,
    marginx: 8,
    marginy: 8,
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { name } of nodes) graph.setNode(name, { width: nodeWidth, height: nodeHeight });
  for (const { from, to } of edgesOf(nodes)) graph.setEdge(from, to);
  layout(graph);
  return new Map(
    nodes.map(({ name }) => {
      const { x, y } = graph.node(name) as unknown as Placed;
      return [name, { x: x - nodeWidth / 2, y: y - nodeHeight / 2 }];
    }),
  );
}

/** Who waits for whom; final tasks wait for the ends of all others. */
export function edgesOf(
  nodes: readonly Pick<TaskNode, 'name' | 'after' | 'final'>[],
): { from: string; to: string; final: boolean }[] {
  const direct = nodes.flatMap(({ name, after, final }) => after.map((from) => ({ from, to: name, final })));
  const waitedFor = new Set(nodes.filter(({ final }) => !final).flatMap(({ after }) => after));
  const ends = nodes.filter(({ name, final }) => !final && !waitedFor.has(name));
  const toFinal = nodes
    .filter(({ final, after }) => final && after.length === 0)
    .flatMap(({ name }) => ends.map((end) => ({ from: end.name, to: name, final: true })));
  return [...withoutDetours(direct), ...toFinal];
}

/** Leaves out what other lines say already: where a task waits for another by way of a third. */
function withoutDetours<Edge extends { from: string; to: string }>(edges: readonly Edge[]): Edge[] {
  const before = Map.groupBy(edges, ({ to }) => to);
  const reached = new Map<string, Set<string>>();
  const ancestors = (name: string): Set<string> => {
    const known = reached.get(name);
    if (known) return known;
    const found = new Set<string>();
    // Entered before it is filled, so that a circle in a faulty pipeline ends.
    reached.set(name, found);
    for (const { from } of before.get(name) ?? []) {
      found.add(from);
      for (const farther of ancestors(from)) found.add(farther);
    }
    return found;
  };
  return edges.filter(
    ({ from, to }) =>
      !(before.get(to) ?? []).some((other) => other.from !== from && ancestors(other.from).has(from)),
  );
}
