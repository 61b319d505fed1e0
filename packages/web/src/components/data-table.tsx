import type { ReactNode } from 'react';
import { useAsScrolled } from './as-scrolled.tsx';
import './data-table.css';

export interface DataColumn<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ReactNode;
  readonly align?: 'right';
  /** Takes what room is left, and wraps. */
  readonly grows?: boolean;
}

export interface DataTableProps<Row> {
  readonly label: string;
  readonly columns: readonly DataColumn<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row, index: number) => string;
  readonly isSelected?: (row: Row) => boolean;
}

/** A table of rows that are each as high as they need to be; many are drawn as they come into sight. */
export function DataTable<Row>({ label, columns, rows, keyOf, isSelected }: DataTableProps<Row>) {
  const { shown, end } = useAsScrolled(rows, 200);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="tb-data" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map(({ title, align }) => (
              <th key={title} scope="col" className={align === 'right' ? 'tb-data--right' : ''}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row, index) => (
            <tr key={keyOf(row, index)} className={isSelected?.(row) ? 'tb-data--selected' : ''}>
              {columns.map(({ title, cell, align, grows }) => (
                <td
                  key={title}
                  className={`${align === 'right' ? 'tb-data--right' : ''}${grows ? ' tb-data--grows' : ''}`}
                >
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {end}
    </section>
  );
}
