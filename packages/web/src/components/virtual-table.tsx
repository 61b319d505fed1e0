import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useRef } from 'react';

export interface Column<Row> {
  readonly title: string;
  /** A CSS grid track, such as `2fr` or `8rem`. */
  readonly width: string;
  readonly cell: (row: Row) => ReactNode;
  readonly align?: 'right';
}

export interface VirtualTableProps<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** Where there are more than `rows` holds. */
  readonly total?: number;
  /** Called as the end comes into sight. */
  readonly loadMore?: () => void;
  readonly rowHeight?: number;
}

/** A table that draws only the rows in sight, however many there are. Rows are of one height. */
export function VirtualTable<Row>(props: VirtualTableProps<Row>) {
  const { label, columns, rows, keyOf, total = rows.length, loadMore, rowHeight = 48 } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  const items = virtualizer.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (rows.length > 0 && last >= rows.length - 20 && rows.length < total) loadMore?.();
  }, [last, rows.length, total, loadMore]);
  const template = { gridTemplateColumns: columns.map(({ width }) => width).join(' ') };
  return (
    <div
      className="tb-table"
      ref={scroller}
      role="table"
      aria-label={label}
      aria-rowcount={total + 1}
      tabIndex={0}
    >
      <div role="rowgroup" className="tb-table__head">
        <div role="row" className="tb-table__row" style={template} aria-rowindex={1}>
          {columns.map(({ title, align }) => (
            <div role="columnheader" key={title} className={align === 'right' ? 'tb-right' : ''}>
              {title}
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" className="tb-table__body" style={{ height: virtualizer.getTotalSize() }}>
        {items.map((item) => {
          const row = rows[item.index]!;
          return (
            <div
              role="row"
              key={keyOf(row)}
              className="tb-table__row"
              aria-rowindex={item.index + 2}
              style={{ ...template, height: rowHeight, transform: `translateY(${item.start}px)` }}
            >
              {columns.map(({ title, cell, align }) => (
                <div role="cell" key={title} className={align === 'right' ? 'tb-right' : ''}>
                  {cell(row)}
                </div>
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}
