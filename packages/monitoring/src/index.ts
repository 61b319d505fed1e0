export { RunMetrics } from './run-metrics.ts';
