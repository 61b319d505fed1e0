import { Histogram } from '@tagboat/base';

const limits = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Series {
  readonly codes: Map<number, number>;
  readonly durations: Histogram;
  predictions: number;
}

export interface Service {
  readonly namespace: string;
  readonly name: string;
}

const predictionPath = /^\/(predict|invocations|v2\/models\/[^/]+(\/versions\/[^/]+)?\/infer)$/;

/** Requests per service: counts by status code and a latency histogram, as Prometheus text. */
export class GatewayMetrics {
  readonly #series = new Map<string, Series>();

  /** @param request with the path below the service */
  observe(request: Service & { method: string; path: string }, code: number, seconds: number): void {
    const series = this.#of(request);
    series.codes.set(code, (series.codes.get(code) ?? 0) + 1);
    series.durations.observe(seconds);
    const [path = ''] = request.path.split('?');
    if (code === 200 && request.method === 'POST' && predictionPath.test(path)) series.predictions++;
  }

  /** A service that is there counts from zero: what begins with its first request shows no increase by it. */
  known({ namespace, name }: Service): void {
    const { codes } = this.#of({ namespace, name });
    if (codes.size === 0) codes.set(200, 0);
  }

  #of({ namespace, name }: Service): Series {
    const id = `namespace="${namespace}",name="${name}"`;
    let series = this.#series.get(id);
    if (!series) {
      series = {
        codes: new Map(),
        durations: new Histogram(limits),
        predictions: 0,
      };
      this.#series.set(id, series);
    }
    return series;
  }

  text(): string {
    const lines: string[] = [];
    const family = (name: string, type: string, help: string) =>
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    family('tagboat_requests_total', 'counter', 'Requests to served apps, by status code.');
    for (const [id, { codes }] of this.#series)
      for (const [code, count] of codes) lines.push(`tagboat_requests_total{${id},code="${code}"} ${count}`);
    family('tagboat_predictions_total', 'counter', 'Predictions that were answered.');
    for (const [id, { predictions }] of this.#series)
      lines.push(`tagboat_predictions_total{${id}} ${predictions}`);
    const name = 'tagboat_request_duration_seconds';
    family(name, 'histogram', 'Time from a request to the end of its answer.');
    for (const [id, { durations }] of this.#series) lines.push(...durations.lines(name, id));
    return `${lines.join('\n')}\n`;
  }
}
