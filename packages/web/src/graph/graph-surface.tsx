import { useStoreApi, ViewportPortal } from '@xyflow/react';
import { memo, type RefObject, useEffect, useMemo, useRef, useState } from 'react';
import { colourOf } from '../components/index.ts';
import { useTheme } from '../shell/theme.ts';
import { nodeHeight, nodeWidth, type Placed } from './layout.ts';
import { Palette, paint, readableZoom } from './paint.ts';
import type { TaskNode } from './pipeline-graph.ts';
import { type Area, areaSeen, boxesIn, holds, type Look, type Scene } from './scene.ts';
import { boxClasses, TaskLabel, tipOf } from './task-label.tsx';

/** As far around the window as boxes are kept ready (pixels), so that moving makes new ones now and then only. */
const around = 260;

interface SurfaceProps {
  readonly scene: Scene;
  readonly selected: string | undefined;
  readonly onSelect: ((name: string) => void) | undefined;
  readonly plain: boolean;
}

/** The canvas with the lines, and the boxes in sight in the layer that moves. */
export function Surface({ scene, selected, onSelect, plain }: SurfaceProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const ready = usePainted(canvas, { scene, selected, plain });
  const seen = useMemo(() => (ready ? boxesIn(scene, ready) : []), [scene, ready]);
  return (
    <>
      <canvas ref={canvas} className="tb-graph__canvas" />
      <ViewportPortal>
        {seen.map(({ task, x, y }) => (
          <Box
            key={task.name}
            task={task}
            x={x}
            y={y}
            selected={task.name === selected}
            onSelect={onSelect}
            plain={plain}
          />
        ))}
      </ViewportPortal>
    </>
  );
}

/** Paints when something has changed or moved. @returns where boxes are to be elements; undefined where none are */
function usePainted(
  canvas: RefObject<HTMLCanvasElement | null>,
  { scene, selected, plain }: Pick<SurfaceProps, 'scene' | 'selected' | 'plain'>,
): Area | undefined {
  const store = useStoreApi();
  const theme = useTheme();
  const [ready, setReady] = useState<Area>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: colours follow the theme
  useEffect(() => {
    const element = canvas.current!;
    const palette = new Palette(element);
    let kept: Area | undefined;
    let due = 0;
    const draw = () => {
      due = 0;
      const { transform, width, height } = store.getState();
      const look: Look = { x: transform[0], y: transform[1], zoom: transform[2] };
      paint(element, { scene, look, size: { width, height }, palette, selected, plain });
      const readable = look.zoom >= readableZoom;
      if (readable && kept && holds(kept, areaSeen(look, { width, height }))) return;
      const next = readable ? areaSeen(look, { width, height }, around) : undefined;
      if (next || kept) setReady(next);
      kept = next;
    };
    const later = () => {
      due ||= requestAnimationFrame(draw);
    };
    setReady(undefined);
    draw();
    const stop = store.subscribe((state, before) => {
      if (
        state.transform !== before.transform ||
        state.width !== before.width ||
        state.height !== before.height
      )
        later();
    });
    return () => {
      stop();
      cancelAnimationFrame(due);
    };
  }, [store, scene, selected, plain, theme]);
  return ready;
}

interface BoxProps extends Placed, Pick<SurfaceProps, 'onSelect' | 'plain'> {
  readonly task: TaskNode;
  readonly selected: boolean;
}

const Box = memo(function Box({ task, x, y, selected, onSelect, plain }: BoxProps) {
  return (
    <button
      type="button"
      className={`${boxClasses({ task, selected })} tb-task--placed`}
      style={{
        transform: `translate(${x}px, ${y}px)`,
        width: nodeWidth,
        height: nodeHeight,
        ...(plain ? {} : { borderInlineStartColor: colourOf(task.status) }),
      }}
      title={plain ? task.title : tipOf(task)}
      aria-pressed={selected}
      onClick={() => onSelect?.(task.name)}
    >
      <TaskLabel task={task} plain={plain} />
    </button>
  );
});
