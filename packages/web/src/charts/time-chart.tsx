import { useEffect, useRef } from 'react';
import uPlot, { type AlignedData, type Options } from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useTheme } from '../shell/theme.ts';
import './charts.css';

export interface ChartLine {
  readonly label: string;
  /** A CSS colour or custom property such as `--tb-blue`. */
  readonly colour: string;
  /** One for each time; null where there is none. */
  readonly values: readonly (number | null)[];
  readonly fill?: boolean;
}

export interface TimeChartProps {
  readonly label: string;
  /** Seconds since the epoch. */
  readonly times: readonly number[];
  readonly lines: readonly ChartLine[];
  readonly format: (value: number) => string;
  readonly height?: number;
  /** Shows each value as a point, for few and irregular times. */
  readonly points?: boolean;
  /** The scale begins at 0 rather than below the least value. Default: yes. */
  readonly fromZero?: boolean;
  /** Seconds since the epoch that the chart covers, whether or not there are values. */
  readonly span?: { readonly from: number; readonly to: number } | undefined;
  /** Names and values below appear with the pointer. */
  readonly small?: boolean;
}

/** Values over time. The newest values are also said in words, for those who do not see the picture. */
export function TimeChart(props: TimeChartProps) {
  const { label, times, lines, format, height = 180, points, fromZero = true, span, small } = props;
  const holder = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes the colours that the style holds
  useEffect(() => {
    const element = holder.current!;
    const data = [times, ...lines.map(({ values }) => values)] as unknown as AlignedData;
    const chart = new uPlot(
      options({
        lines,
        format,
        height,
        points: points ?? false,
        span,
        fromZero,
        width: element.clientWidth,
        element,
      }),
      data,
      element,
    );
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) chart.setSize({ width: element.clientWidth, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [times, lines, format, height, points, fromZero, span, theme]);
  const said = lines.map((line) => {
    const newest = line.values.findLast((value) => value !== null);
    return `${line.label} ${newest === undefined || newest === null ? 'unknown' : format(newest)}`;
  });
  const empty = lines.every(({ values }) => values.every((value) => value === null));
  return (
    <figure className={`tb-chart${small ? ' tb-chart--small' : ''}`}>
      <figcaption>{label}</figcaption>
      <div
        ref={holder}
        role="img"
        aria-label={`${label}. Newest: ${said.join(', ')}`}
        style={{ minHeight: height }}
      />
      {empty && <p className="tb-chart__none">Nothing was measured in this time.</p>}
    </figure>
  );
}

interface Look extends Pick<Required<TimeChartProps>, 'lines' | 'format' | 'height' | 'points' | 'fromZero'> {
  readonly span: TimeChartProps['span'];
  readonly width: number;
  readonly element: HTMLElement;
}

function options({ lines, format, height, points, fromZero, span, width, element }: Look): Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => (name.startsWith('--') ? style.getPropertyValue(name).trim() : name);
  const axis = {
    stroke: style.color,
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('--tb-grid'), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height,
    cursor: { y: false, points: { size: 6 } },
    legend: { live: true },
    scales: {
      ...(span ? { x: { range: [span.from, span.to] as [number, number] } } : {}),
      y: { range: (_chart, least, most) => bounds(least, most, fromZero) },
    },
    axes: [
      { ...axis, grid: { show: false } },
      { ...axis, size: 62, values: (_chart, values) => values.map((value) => format(value)) },
    ],
    series: [
      { value: (_chart, time) => (time ? new Date(time * 1000).toLocaleString() : '') },
      ...lines.map((line) => ({
        label: line.label,
        stroke: colour(line.colour),
        width: 2,
        spanGaps: points,
        points: { ...(points ? { show: true } : {}), size: points ? 7 : 5, fill: colour(line.colour) },
        value: (_chart: uPlot, value: number | null) => (value === null ? '' : format(value)),
        ...(line.fill ? { fill: `color-mix(in srgb, ${colour(line.colour)} 14%, transparent)` } : {}),
      })),
    ],
  };
}

/** A scale with some room; a single value lies in its middle. */
function bounds(least: number, most: number, fromZero: boolean): [number, number] {
  if (fromZero) return [0, most > 0 ? most * 1.1 : 1];
  const room = (most - least || Math.abs(most) || 1) * 0.25;
  return [least - room, most + room];
}
