import { type ReactNode, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { type GraphEdge, type GraphNode, layoutGraph, type Placed, related, type Sizes } from './layout.ts';
import './layered-graph.css';

export interface Box extends GraphNode {
  /** What it is, in small letters above. */
  readonly kind: string;
  readonly title: string;
  readonly detail?: ReactNode;
  readonly badge?: ReactNode;
}

export interface LayeredGraphProps {
  readonly label: string;
  readonly nodes: readonly Box[];
  readonly edges: readonly GraphEdge[];
  readonly selected?: string | undefined;
  readonly onSelect: (id: string) => void;
}

const margin = 8;
const narrowest = 108;
const widest = 220;

/** Boxes as wide as the columns allow, so that the whole is in sight where it can be. */
function sizesFor(available: number, columns: number): Sizes {
  const gapX = available / columns > 190 ? 48 : available / columns > 150 ? 26 : 18;
  const room = (available - 2 * margin + gapX) / columns - gapX;
  return { width: Math.max(narrowest, Math.min(widest, Math.floor(room))), height: 76, gapX, gapY: 16 };
}

/** The width of an element inside its padding, kept true. */
function useWidth() {
  const ref = useRef<HTMLElement>(null);
  const [width, setWidth] = useState(1000);
  useLayoutEffect(() => {
    const element = ref.current!;
    const style = getComputedStyle(element);
    const padding = Number.parseFloat(style.paddingInlineStart) + Number.parseFloat(style.paddingInlineEnd);
    const measure = () => setWidth(element.clientWidth - (padding || 0));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { ref, width };
}

/** A graph from left to right. What leads to a box under the pointer, and what it leads to, stands out. */
export function LayeredGraph({ label, nodes, edges, selected, onSelect }: LayeredGraphProps) {
  const { ref, width } = useWidth();
  const count = new Set(nodes.map(({ column }) => column)).size;
  const sizes = useMemo(() => sizesFor(width, Math.max(1, count)), [width, count]);
  const layout = useMemo(() => layoutGraph(nodes, edges, sizes), [nodes, edges, sizes]);
  const [hovered, setHovered] = useState<string>();
  const focus = hovered ?? selected;
  const lit = useMemo(
    () => (focus && layout.places.has(focus) ? related(focus, edges) : undefined),
    [focus, edges, layout],
  );
  const shade = (...ids: string[]) => (lit && !ids.every((id) => lit.has(id)) ? ' tb-layers--dim' : '');
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="tb-layers" aria-label={label} tabIndex={0} ref={ref}>
      <div
        className="tb-layers__area"
        style={{ width: layout.width + 2 * margin, height: layout.height + 2 * margin }}
      >
        <svg className="tb-layers__edges" aria-hidden="true">
          {edges.map(({ from, to }) => (
            <path
              key={`${from} ${to}`}
              d={curve(layout.places.get(from), layout.places.get(to), sizes)}
              className={`tb-layers__edge${lit?.has(from) && lit.has(to) ? ' tb-layers__edge--lit' : ''}${shade(from, to)}`}
            />
          ))}
        </svg>
        {nodes.map(({ id, kind, title, detail, badge }) => (
          <button
            type="button"
            key={id}
            className={`tb-layers__box${selected === id ? ' tb-layers__box--selected' : ''}${shade(id)}`}
            style={{
              left: layout.places.get(id)!.x + margin,
              top: layout.places.get(id)!.y + margin,
              width: sizes.width,
              height: sizes.height,
            }}
            aria-pressed={selected === id}
            onClick={() => onSelect(id)}
            onPointerEnter={() => setHovered(id)}
            onPointerLeave={() => setHovered(undefined)}
          >
            <span className="tb-layers__kind">
              {kind}
              {badge}
            </span>
            <span className="tb-layers__title" title={title}>
              {title}
            </span>
            {detail && <span className="tb-layers__detail">{detail}</span>}
          </button>
        ))}
      </div>
    </section>
  );
}

function curve(from: Placed | undefined, to: Placed | undefined, sizes: Sizes): string {
  if (!from || !to) return '';
  const [x1, y1] = [from.x + sizes.width + margin, from.y + sizes.height / 2 + margin];
  const [x2, y2] = [to.x + margin, to.y + sizes.height / 2 + margin];
  const middle = (x1 + x2) / 2;
  return `M${x1},${y1} C${middle},${y1} ${middle},${y2} ${x2},${y2}`;
}
