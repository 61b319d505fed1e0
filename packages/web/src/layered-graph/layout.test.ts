import { expect, test } from 'vitest';
import { layoutGraph, related } from './layout.ts';

const sizes = { width: 100, height: 50, gapX: 20, gapY: 10 };

test('nodes stand in their columns, near what leads to them', () => {
  const nodes = [
    { id: 'a', column: 0 },
    { id: 'b', column: 0 },
    { id: 'of-b', column: 2 },
    { id: 'of-a', column: 2 },
  ];
  const edges = [
    { from: 'a', to: 'of-a' },
    { from: 'b', to: 'of-b' },
  ];
  const { places, width, height } = layoutGraph(nodes, edges, sizes);
  expect(places.get('of-a')).toEqual({ x: 120, y: 0 });
  expect(places.get('of-b')).toEqual({ x: 120, y: 60 });
  expect([width, height]).toEqual([220, 110]);
});

test('a column of one stands in the middle; no nodes is no area', () => {
  const nodes = ['a', 'b', 'c'].map((id) => ({ id, column: 0 }));
  expect(layoutGraph([...nodes, { id: 'd', column: 1 }], [], sizes).places.get('d')?.y).toBe(60);
  expect(layoutGraph([], [], sizes).places.size).toBe(0);
});

test('related nodes are before and after, not beside; a circle ends', () => {
  const edges = [
    { from: 'a', to: 'b' },
    { from: 'b', to: 'c' },
    { from: 'a', to: 'x' },
    { from: 'c', to: 'b' },
  ];
  expect([...related('b', edges)].sort()).toEqual(['a', 'b', 'c']);
});
