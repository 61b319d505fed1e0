/** Browsers draw no element higher than some tens of millions of pixels; above this many, the scroll bar is scaled. */
const highest = 8_000_000;

/** How rows of one height lie in a scrolling area, however many they are. All lengths in pixels. */
export interface ScrollGeometry {
  /** Of the element that the scroll bar measures. */
  readonly height: number;
  readonly rowHeight: number;
  readonly rows: number;
  readonly viewport: number;
}

export function geometryOf(rows: number, rowHeight: number, viewport: number): ScrollGeometry {
  return { height: Math.min(rows * rowHeight, highest), rowHeight, rows, viewport };
}

const range = ({ rows, rowHeight, viewport }: ScrollGeometry) => Math.max(0, rows * rowHeight - viewport);

/** From the scroll bar's position to how far down the rows are. */
export function offsetAt(geometry: ScrollGeometry, scrollTop: number): number {
  const travel = Math.max(1, geometry.height - geometry.viewport);
  return isScaled(geometry) ? (Math.min(scrollTop, travel) / travel) * range(geometry) : scrollTop;
}

export function scrollTopAt(geometry: ScrollGeometry, offset: number): number {
  const most = range(geometry);
  const wanted = Math.min(Math.max(0, offset), most);
  return isScaled(geometry) && most > 0 ? (wanted / most) * (geometry.height - geometry.viewport) : wanted;
}

export const isScaled = ({ rows, rowHeight, height }: ScrollGeometry): boolean => rows * rowHeight > height;

export const lastOffset = range;
