export { DriftWatch, type DriftWatchOptions } from './drift/drift-watch.ts';
export { type PrometheusApiOptions, prometheusApi } from './http-api.ts';
export { type MatrixSeries, queryRange } from './promql/range.ts';
export { RequestLog, type RequestLogOptions, type ServedRequest } from './request-log.ts';
export { RunMetrics } from './run-metrics.ts';
export { Scraper, type ScraperOptions } from './scraper.ts';
export { SeriesFile } from './series-file.ts';
export { defaultLimits, type SeriesLimits, SeriesStore } from './series-store.ts';
export { PodTargets, type Target, targetOf } from './targets.ts';
