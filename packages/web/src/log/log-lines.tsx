import {
  type KeyboardEvent,
  type UIEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type WheelEvent,
} from 'react';
import { AnsiText } from './ansi-text.tsx';
import type { VisibleLines } from './folds.ts';
import type { LogBuffer } from './log-buffer.ts';
import { geometryOf, isScaled, lastOffset, offsetAt, scrollTopAt } from './scroll.ts';

const rowHeight = 20;

export interface LogLinesProps {
  readonly buffer: LogBuffer;
  readonly visible: VisibleLines;
  readonly times: boolean;
  readonly search: string;
  readonly current: number | undefined;
  readonly selected: readonly [first: number, last: number] | undefined;
  /** Section headings: whether each is folded. */
  readonly headings: ReadonlyMap<number, boolean>;
  readonly onToggle: (heading: number) => void;
  readonly onSelect: (line: number, extend: boolean) => void;
  /** Stay at the end as lines come. */
  readonly following: boolean;
  readonly onFollow: (following: boolean) => void;
  /** A line to bring into sight, with something that changes when it is asked for again. */
  readonly jump: { readonly line: number } | undefined;
}

/** Draws the lines in sight, of a million as of ten. */
export function LogLines(props: LogLinesProps) {
  const { visible, following, onFollow, jump } = props;
  const area = useRef<HTMLDivElement>(null);
  const viewport = useHeight(area);
  const geometry = useMemo(() => geometryOf(visible.total, rowHeight, viewport), [visible.total, viewport]);
  const [offset, setOffset] = useState(0);
  const expected = useRef(-1);
  const moveTo = useCallback(
    (wanted: number) => {
      const element = area.current;
      if (!element) return;
      const next = Math.min(Math.max(0, wanted), lastOffset(geometry));
      setOffset(next);
      element.scrollTop = scrollTopAt(geometry, next);
      expected.current = element.scrollTop;
    },
    [geometry],
  );
  useLayoutEffect(() => {
    if (following) moveTo(lastOffset(geometry));
  }, [following, geometry, moveTo]);
  // A line that the address names may not have come yet.
  const arrived = jump !== undefined && props.buffer.length >= jump.line;
  // biome-ignore lint/correctness/useExhaustiveDependencies: jumps when asked, not when the log grows
  useEffect(() => {
    if (!jump || !arrived) return;
    moveTo(visible.rowOf(jump.line) * rowHeight - viewport / 3);
    area.current?.scrollIntoView({ block: 'nearest' });
  }, [jump, arrived, viewport === 0]);
  const scrolled = ({ currentTarget }: UIEvent<HTMLDivElement>) => {
    if (Math.abs(currentTarget.scrollTop - expected.current) < 1) return;
    expected.current = -1;
    const next = offsetAt(geometry, currentTarget.scrollTop);
    setOffset(next);
    onFollow(next >= lastOffset(geometry) - rowHeight);
  };
  const step = (pixels: number) => {
    onFollow(offset + pixels >= lastOffset(geometry) - 1);
    moveTo(offset + pixels);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: scrolls like any text, only farther
    <div
      ref={area}
      className="tb-log__lines"
      role="log"
      aria-label="Log"
      aria-live="off"
      tabIndex={0}
      onScroll={scrolled}
      // A scaled scroll bar is too coarse for a wheel or an arrow key.
      onWheel={(event: WheelEvent) => isScaled(geometry) && step(event.deltaY)}
      onKeyDown={(event: KeyboardEvent) => {
        const distance = keys(viewport)[event.key];
        if (distance === undefined || !isScaled(geometry)) return;
        event.preventDefault();
        step(distance);
      }}
    >
      <div style={{ height: geometry.height, position: 'relative' }}>
        <Rows {...props} offset={offset} viewport={viewport} shift={offset - scrollTopAt(geometry, offset)} />
      </div>
    </div>
  );
}

const keys = (viewport: number): Readonly<Record<string, number>> => ({
  ArrowDown: rowHeight,
  ArrowUp: -rowHeight,
  PageDown: viewport - rowHeight,
  PageUp: rowHeight - viewport,
});

function Rows(props: LogLinesProps & { offset: number; viewport: number; shift: number }) {
  const { buffer, visible, offset, viewport, shift } = props;
  const first = Math.max(0, Math.floor(offset / rowHeight) - 4);
  const count = Math.min(visible.total - first, Math.ceil(viewport / rowHeight) + 8);
  const rows = Array.from({ length: Math.max(0, count) }, (_, index) => first + index);
  return rows.map((row) => {
    const number = visible.lineAt(row);
    return <Row key={number} {...props} line={buffer.line(number)} top={row * rowHeight - shift} />;
  });
}

function Row(props: LogLinesProps & { line: { number: number; time: string; text: string }; top: number }) {
  const { line, top, times, search, current, selected, headings, onToggle, onSelect } = props;
  const { number } = line;
  const folded = headings.get(number);
  const chosen = selected && number >= selected[0] && number <= selected[1];
  const classes = [
    'tb-log__line',
    chosen && 'tb-log__line--selected',
    current === number && 'tb-log__line--current',
  ];
  return (
    <div className={classes.filter(Boolean).join(' ')} style={{ transform: `translateY(${top}px)` }}>
      <button
        type="button"
        className="tb-log__number"
        tabIndex={-1}
        aria-label={`Line ${number}`}
        onClick={(event) => onSelect(number, event.shiftKey)}
      >
        {number}
      </button>
      {folded === undefined ? (
        <span className="tb-log__fold" />
      ) : (
        <button
          type="button"
          className="tb-log__fold"
          aria-expanded={!folded}
          aria-label={folded ? 'Unfold' : 'Fold'}
          onClick={() => onToggle(number)}
        >
          {folded ? '▸' : '▾'}
        </button>
      )}
      {times && <span className="tb-log__time">{line.time.slice(11, 23)}</span>}
      <span className="tb-log__text">
        <AnsiText text={line.text.replace(/^::group::/, '')} search={search} />
      </span>
    </div>
  );
}

function useHeight(area: React.RefObject<HTMLDivElement | null>): number {
  const [height, setHeight] = useState(0);
  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    setHeight(element.clientHeight);
    return () => observer.disconnect();
  }, [area]);
  return height;
}
