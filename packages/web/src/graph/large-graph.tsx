import {
  Controls,
  type Edge,
  getViewportForBounds,
  type Node,
  ReactFlow,
  type ReactFlowInstance,
} from '@xyflow/react';
import { type KeyboardEvent, type PointerEvent, useMemo, useRef, useState } from 'react';
import { useTheme } from '../shell/theme.ts';
import { Surface } from './graph-surface.tsx';
import { type Direction, nodeHeight, nodeWidth, placeTasks } from './layout.ts';
import { readableZoom } from './paint.ts';
import type { TaskNode } from './pipeline-graph.ts';
import { type Area, boundsOf, boxAt, boxTowards, type Scene, type SceneBox, sceneOf } from './scene.ts';
import { tipOf } from './task-label.tsx';

export interface LargeGraphProps {
  readonly nodes: readonly TaskNode[];
  readonly selected: string | undefined;
  readonly onSelect: ((name: string) => void) | undefined;
  readonly direction: Direction;
  readonly plain: boolean;
  /** What changes where tasks or lines do, and not where states do. */
  readonly shape: string;
}

const zooms = { least: 0.05, most: 1.5 };

/**
 * A graph of hundreds of tasks: lines are drawn on a canvas, and boxes are elements only where they are in sight and can be
 * read. Moving it draws the canvas and moves one layer; nothing else is rendered anew.
 */
export function LargeGraph({ nodes, selected, onSelect, direction, plain, shape }: LargeGraphProps) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: where tasks stand depends on their shape alone
  const places = useMemo(() => placeTasks(nodes, direction), [shape, direction]);
  const scene = useMemo(() => sceneOf(nodes, places, direction), [nodes, places, direction]);
  const { frame, open, ...handlers } = useWalk(scene, selected, onSelect);
  const theme = useTheme();
  const chosen = scene.boxes.find(({ task }) => task.name === selected)?.task;
  return (
    <section
      ref={frame}
      className="tb-graph"
      tabIndex={0}
      aria-label={`Graph of ${nodes.length} tasks; arrow keys go from task to task${chosen ? `. Chosen: ${chosen.title}, ${chosen.status}` : ''}`}
      onKeyDown={handlers.onKeyDown}
      onPointerMove={handlers.onPointerMove}
    >
      <ReactFlow
        key={shape}
        nodes={noNodes}
        edges={noEdges}
        colorMode={theme}
        minZoom={zooms.least}
        maxZoom={zooms.most}
        proOptions={{ hideAttribution: true }}
        onInit={open}
        onPaneClick={handlers.onPaneClick}
      >
        <Surface scene={scene} selected={selected} onSelect={onSelect} plain={plain} />
        <Controls showInteractive={false} orientation="horizontal" onFitView={handlers.onFitView} />
      </ReactFlow>
    </section>
  );
}

// Drawn by the surface; xyflow moves and zooms it.
const noNodes: Node[] = [];
const noEdges: Edge[] = [];

/** Looking around in a graph and choosing tasks, by pointer and by keys. */
function useWalk(scene: Scene, selected: string | undefined, onSelect: LargeGraphProps['onSelect']) {
  const frame = useRef<HTMLElement>(null);
  const [flow, setFlow] = useState<ReactFlowInstance>();
  const show = (instance: ReactFlowInstance | undefined, area: Area) => {
    const { clientWidth, clientHeight } = frame.current!;
    void instance?.setViewport(getViewportForBounds(area, clientWidth, clientHeight, zooms.least, 1, 0.08));
  };
  const pointed = ({ clientX, clientY }: { clientX: number; clientY: number }) =>
    flow && boxAt(scene, flow.screenToFlowPosition({ x: clientX, y: clientY }))?.task;
  return {
    frame,
    open: (instance: ReactFlowInstance) => {
      setFlow(instance);
      show(instance, boundsOf(near(scene, selected)));
    },
    onFitView: () => show(flow, scene.bounds),
    onPaneClick: (event: { clientX: number; clientY: number }) => {
      const task = pointed(event);
      if (task) onSelect?.(task.name);
    },
    onPointerMove: (event: PointerEvent<HTMLElement>) => {
      const task = flow && flow.getZoom() < readableZoom ? pointed(event) : undefined;
      event.currentTarget.title = task ? tipOf(task) : '';
    },
    onKeyDown: (event: KeyboardEvent<HTMLElement>) => {
      const from = scene.boxes.find(({ task }) => task.name === selected) ?? scene.boxes[0]!;
      const next = boxTowards(scene, from, event.key);
      if (!next) return;
      event.preventDefault();
      // A box that is left may not be there any more.
      event.currentTarget.focus();
      onSelect?.(next.task.name);
      void flow?.setCenter(next.x + nodeWidth / 2, next.y + nodeHeight / 2, { zoom: flow.getZoom() });
    },
  };
}
/** The chosen task and those that it waits for or that wait for it. */
function near({ boxes }: Scene, selected: string | undefined): SceneBox[] {
  const { task: chosen } = boxes.find(({ task }) => task.name === selected) ?? boxes[0]!;
  return boxes
    .filter(
      ({ task: { name, after } }) =>
        name === chosen.name || chosen.after.includes(name) || after.includes(chosen.name),
    )
    .slice(0, 30);
}
