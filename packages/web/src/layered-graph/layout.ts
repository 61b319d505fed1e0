/** A box of a graph that reads from left to right. */
export interface GraphNode {
  readonly id: string;
  /** From 0 at the left. */
  readonly column: number;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
}

export interface Placed {
  readonly x: number;
  readonly y: number;
}

export interface Sizes {
  readonly width: number;
  readonly height: number;
  readonly gapX: number;
  readonly gapY: number;
}

export interface Layout {
  readonly places: ReadonlyMap<string, Placed>;
  readonly width: number;
  readonly height: number;
}

/** Places nodes in their columns, each near the middle of those that lead to it, so that few lines cross. Pure. */
export function layoutGraph(
  nodes: readonly GraphNode[],
  edges: readonly GraphEdge[],
  { width, height, gapX, gapY }: Sizes,
): Layout {
  const columns = [...new Set(nodes.map(({ column }) => column))].sort((a, b) => a - b);
  const rows = new Map<string, number>();
  const byColumn = columns.map((column) => nodes.filter((node) => node.column === column));
  const most = Math.max(1, ...byColumn.map((column) => column.length));
  for (const column of byColumn) {
    const wanted = column.map((node, index) => ({ node, at: meanRow(node, { edges, rows }) ?? index }));
    wanted.sort((a, b) => a.at - b.at);
    const start = (most - column.length) / 2;
    for (const [index, { node }] of wanted.entries()) rows.set(node.id, start + index);
  }
  const places = new Map(
    nodes.map((node) => [
      node.id,
      { x: columns.indexOf(node.column) * (width + gapX), y: rows.get(node.id)! * (height + gapY) },
    ]),
  );
  return {
    places,
    width: columns.length * (width + gapX) - gapX,
    height: most * (height + gapY) - gapY,
  };
}

function meanRow(
  node: GraphNode,
  { edges, rows }: { edges: readonly GraphEdge[]; rows: ReadonlyMap<string, number> },
): number | undefined {
  const before = edges.filter(({ to }) => to === node.id).flatMap(({ from }) => rows.get(from) ?? []);
  return before.length === 0 ? undefined : before.reduce((sum, row) => sum + row, 0) / before.length;
}

/** Everything that leads to a node and everything that it leads to, itself included. */
export function related(id: string, edges: readonly GraphEdge[]): ReadonlySet<string> {
  const found = new Set([id]);
  const follow = (from: 'from' | 'to', to: 'from' | 'to') => {
    const left = [id];
    const seen = new Set([id]);
    for (let next = left.pop(); next !== undefined; next = left.pop())
      for (const edge of edges)
        if (edge[from] === next && !seen.has(edge[to])) {
          seen.add(edge[to]);
          found.add(edge[to]);
          left.push(edge[to]);
        }
  };
  follow('from', 'to');
  follow('to', 'from');
  return found;
}
