import { colourOf, type StatusName } from '../components/status.tsx';
import { nodeHeight, nodeWidth, type Placed } from './layout.ts';
import { type Area, areaSeen, boxesIn, edgesIn, type Look, type Scene } from './scene.ts';

/** Nearer than this boxes are elements with their texts; from farther they are drawn, as their texts cannot be read. */
export const readableZoom = 0.45;

/** CSS colours as a canvas takes them. */
export class Palette {
  readonly #probe: HTMLElement;
  readonly #known = new Map<string, string>();

  /** @param probe an element whose colour may be changed */
  constructor(probe: HTMLElement) {
    this.#probe = probe;
  }

  colour(value: string): string {
    let known = this.#known.get(value);
    if (known === undefined) {
      this.#probe.style.color = value;
      known = getComputedStyle(this.#probe).color;
      this.#probe.style.color = '';
      this.#known.set(value, known);
    }
    return known;
  }
}

export interface Painting {
  readonly scene: Scene;
  readonly look: Look;
  /** Of the window, in CSS pixels. */
  readonly size: { readonly width: number; readonly height: number };
  readonly palette: Palette;
  readonly selected: string | undefined;
  /** No run: states have no colours. */
  readonly plain: boolean;
}

/** Draws the lines in sight, and the boxes where they are too small to be elements. */
export function paint(canvas: HTMLCanvasElement, painting: Painting): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  const { look, size } = painting;
  const scale = devicePixelRatio || 1;
  const [width, height] = [Math.round(size.width * scale), Math.round(size.height * scale)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  context.setTransform(scale * look.zoom, 0, 0, scale * look.zoom, scale * look.x, scale * look.y);
  const area = areaSeen(look, size);
  paintEdges(context, painting, area);
  if (look.zoom < readableZoom) paintBoxes(context, painting, area);
}

/** Lines of one look are one path: a stroke costs more than its curves. */
function paintEdges(context: CanvasRenderingContext2D, { scene, look, palette }: Painting, area: Area): void {
  const seen = edgesIn(scene, area);
  const thin = Math.min(1.5, Math.max(0.6, look.zoom * 2)) / look.zoom;
  for (const critical of [false, true])
    for (const final of [false, true]) {
      context.beginPath();
      for (const edge of seen)
        if (edge.critical === critical && edge.final === final)
          curve(context, edge.from, edge.to, scene.direction === 'LR');
      context.setLineDash(final ? [4, 4] : []);
      context.lineWidth = critical ? thin * 1.7 : thin;
      context.strokeStyle = palette.colour(critical ? 'var(--tb-yellow)' : 'var(--tb-grey)');
      context.stroke();
    }
  context.setLineDash([]);
}

function curve(context: CanvasRenderingContext2D, from: Placed, to: Placed, rightwards: boolean): void {
  if (rightwards) {
    const [x1, y1, x2, y2] = [from.x + nodeWidth, from.y + nodeHeight / 2, to.x, to.y + nodeHeight / 2];
    const middle = (x1 + x2) / 2;
    context.moveTo(x1, y1);
    context.bezierCurveTo(middle, y1, middle, y2, x2, y2);
  } else {
    const [x1, y1, x2, y2] = [from.x + nodeWidth / 2, from.y + nodeHeight, to.x + nodeWidth / 2, to.y];
    const middle = (y1 + y2) / 2;
    context.moveTo(x1, y1);
    context.bezierCurveTo(x1, middle, x2, middle, x2, y2);
  }
}

function paintBoxes(context: CanvasRenderingContext2D, painting: Painting, area: Area): void {
  const { scene, palette, selected, plain, look } = painting;
  const seen = boxesIn(scene, area);
  const byStatus = Map.groupBy(seen, ({ task }) => task.status);
  context.fillStyle = palette.colour('var(--tb-card)');
  context.strokeStyle = palette.colour('var(--tb-line)');
  context.lineWidth = 1 / look.zoom;
  context.beginPath();
  for (const { x, y } of seen) context.rect(x, y, nodeWidth, nodeHeight);
  context.fill();
  context.stroke();
  for (const [status, boxes] of byStatus) {
    context.fillStyle = palette.colour(plain ? 'var(--tb-grey)' : colourOf(status as StatusName));
    context.globalAlpha = plain ? 0.25 : 0.75;
    context.beginPath();
    for (const { x, y } of boxes) context.rect(x, y, nodeWidth, nodeHeight);
    context.fill();
  }
  context.globalAlpha = 1;
  const chosen = seen.find(({ task }) => task.name === selected);
  if (!chosen) return;
  context.strokeStyle = palette.colour('var(--tb-brand)');
  context.lineWidth = 3 / look.zoom;
  context.strokeRect(chosen.x, chosen.y, nodeWidth, nodeHeight);
}
