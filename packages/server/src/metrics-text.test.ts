import { ManualClock, silentLogger } from '@tagboat/base';
import { RunMetrics } from '@tagboat/monitoring';
import { ObjectStore } from '@tagboat/store';
import { GatewayMetrics } from '@tagboat/workloads';
import { expect, test, vi } from 'vitest';

const labels = '\\{(?:[a-zA-Z_]\\w*="(?:[^"\\\\\\n]|\\\\["\\\\n])*",?)*\\}';
/** A line of the text format 0.0.4. */
const line = new RegExp(
  `^(?:# (?:HELP|TYPE) [a-zA-Z_:][\\w:]* .+|([a-zA-Z_:][\\w:]*)(${labels})? (NaN|[+-]Inf|[-+.\\deE]+))$`,
);

/** Every sample by its name and labels. @throws where a line, or a family, is not as the format has it */
function samplesOf(text: string): Map<string, number> {
  expect(text.endsWith('\n')).toBe(true);
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  for (const each of text.trimEnd().split('\n')) {
    const match = line.exec(each);
    if (!match) throw new Error(`not a line of the format: ${each}`);
    const type = /^# TYPE (\S+) (counter|histogram)$/.exec(each);
    if (type) expect(types.has(type[1]!)).toBe(false);
    if (type) types.set(type[1]!, type[2]!);
    if (!match[1]) continue;
    const family = match[1].replace(/_(bucket|sum|count)$/, '');
    expect(types.get(types.has(match[1]) ? match[1] : family), each).toBeDefined();
    const id = `${match[1]}${match[2] ?? ''}`;
    expect(samples.has(id), `${id} is there twice`).toBe(false);
    samples.set(id, Number(match[3]));
  }
  for (const [name, value] of samples)
    if (name.includes('le="+Inf"'))
      expect(samples.get(name.replace('_bucket', '_count').replace(',le="+Inf"', ''))).toBe(value);
  return samples;
}

const done = { type: 'Succeeded', status: 'True', reason: 'Succeeded' };
const times = { startTime: '2026-01-01T00:00:00Z', completionTime: '2026-01-01T00:00:07Z' };
const step = {
  name: 'train',
  terminated: { exitCode: 0, startedAt: '2026-01-01T00:00:01Z', finishedAt: '2026-01-01T00:00:04Z' },
};

test('what is measured is valid text: runs, tasks, steps, reuse, syncs, requests, latency, predictions', async () => {
  await using store = new ObjectStore({});
  await using runs = new RunMetrics({ reader: store, clock: new ManualClock(), log: silentLogger });
  const namespace = 'demo';
  await store.create({
    ...{ apiVersion: 'tekton.dev/v1', kind: 'PipelineRun' },
    metadata: { name: 'r', namespace, labels: { 'tagboat.dev/kind': 'release' } },
    status: { ...times, conditions: [done] },
  } as never);
  for (const name of ['r-train', 'alone'])
    await store.create({
      ...{ apiVersion: 'tekton.dev/v1', kind: 'TaskRun' },
      metadata: { name, namespace, labels: name === 'alone' ? {} : { 'tekton.dev/pipelineTask': 'train' } },
      status: { ...times, steps: [step], results: [{ name: 'reused', value: 'true' }], conditions: [done] },
    } as never);
  await store.create({
    ...{ apiVersion: 'argoproj.io/v1alpha1', kind: 'Application' },
    metadata: { name: 'demo-staging', namespace: 'argocd' },
  });
  const gateway = new GatewayMetrics();
  gateway.known({ namespace: 'demo-production', name: 'm' });
  const ask = (method: string, path: string, code: number) =>
    gateway.observe({ namespace: 'demo-staging', name: 'm', method, path }, code, 0.004);
  ask('POST', '/predict?verbose', 200);
  ask('POST', '/v2/models/m/infer', 200);
  ask('GET', '/predict', 200);
  ask('POST', '/predict', 500);
  await vi.waitFor(() => expect(runs.text()).toMatch(/demo-staging[\s\S]*step="train"/));
  const known = samplesOf(runs.text() + gateway.text());

  expect(known.get('tagboat_syncs_total{application="demo-staging",result="Succeeded"}')).toBe(0);
  runs.synced('demo-staging', true);
  const samples = samplesOf(runs.text() + gateway.text());
  const staging = 'namespace="demo-staging",name="m"';
  expect(Object.fromEntries(samples)).toMatchObject({
    'tagboat_step_reuse_total{task="train",reused="true"}': 1,
    'tagboat_task_duration_seconds_sum{task="train"}': 7,
    'tagboat_task_duration_seconds_sum{task=""}': 7,
    'tagboat_step_duration_seconds_sum{task="train",step="train"}': 3,
    'tagboat_step_duration_seconds_bucket{task="train",step="train",le="2.5"}': 0,
    'tagboat_step_duration_seconds_bucket{task="train",step="train",le="5"}': 1,
    'tagboat_syncs_total{application="demo-staging",result="Succeeded"}': 1,
    [`tagboat_requests_total{${staging},code="200"}`]: 3,
    [`tagboat_requests_total{${staging},code="500"}`]: 1,
    [`tagboat_predictions_total{${staging}}`]: 2,
    [`tagboat_request_duration_seconds_count{${staging}}`]: 4,
    'tagboat_requests_total{namespace="demo-production",name="m",code="200"}': 0,
    'tagboat_predictions_total{namespace="demo-production",name="m"}': 0,
  });
  const counted = [...samples].filter(([name]) => name.startsWith('tagboat_pipelineruns_total'));
  expect(counted).toEqual([[expect.stringContaining('reason="Succeeded"'), 1]]);
});
