import { spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  type DriftReport,
  findCondition,
  type KubernetesObject,
  kinds,
  type PipelineRun,
} from '@tagboat/api';
import {
  finishedRun,
  openBrowser,
  PlatformProcess,
  serving,
  tinyProject,
  until,
  WorkingCopy,
} from '@tagboat/dev-env';
import { type Model, runAnnotations, runLabels } from '@tagboat/render';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditPages } from './console-session.ts';

const opened = await openBrowser();
if (typeof opened === 'string' && process.env.CI) throw new Error(opened);

/** Rows of a table whose numbers are spread around a middle. */
const table = (middle: number) =>
  Array.from({ length: 400 }, (_, at) => `${middle + (at % 40) - 20},${at % 2 ? 'a' : 'b'}`).join('\n');
const train = `import json, os, statistics
rows = [line.split(",") for line in open(os.environ["TAGBOAT_DATA_ROWS"]).read().split()]
json.dump({"mean": statistics.mean(float(x) for x, _ in rows)}, open(os.environ["TAGBOAT_MODEL"], "w"))
with open(os.environ["TAGBOAT_REFERENCE"], "w") as file:
    file.write("x,kind\\n" + "\\n".join(map(",".join, rows)))
`;
const yaml = (port: number) =>
  tinyProject['tagboat.yaml']!.replace(
    '  train:',
    `  data:\n    - { name: rows, path: data/rows.csv, url: "http://127.0.0.1:${port}/" }\n  train:`,
  )
    .replace(/ {4}gates:\n.*\n/, '')
    .concat(
      '  monitor:\n    reference: reports/reference.csv\n    drift: { minSamples: 80 }\n  retrain:\n    onDrift: true\n',
    );

type Event = KubernetesObject & {
  readonly reason: string;
  readonly involvedObject: { readonly name: string };
};

let middle = 100;
let data: Server;
let platform: PlatformProcess;
let copy: WorkingCopy;

beforeAll(async () => {
  data = createServer((_request, response) => response.end(table(middle))).listen(0, '127.0.0.1');
  platform = await PlatformProcess.start();
  copy = await WorkingCopy.create(() => platform.gitUrl('demo', 'tiny'), {
    ...tinyProject,
    'tagboat.yaml': yaml((data.address() as AddressInfo).port),
    'train.py': train,
    'evaluate.py': 'import json, os\njson.dump({"score": 1}, open(os.environ["TAGBOAT_METRICS"], "w"))\n',
  });
  await copy.commit('first');
  await copy.push('HEAD:refs/heads/main');
  await copy.ship('v1.0.0');
  await serving(await platform.client(), { namespace: 'demo-staging', model: 'tiny', tag: 'v1.0.0' });
}, 120_000);
afterAll(async () => {
  if (typeof opened !== 'string') await opened.close();
  data.close();
  await copy?.[Symbol.asyncDispose]();
  await platform?.[Symbol.asyncDispose]();
});

/** Asks with rows around a middle; the answers prove that nothing which is counted stands in their way. */
async function ask(around: number, times: number): Promise<void> {
  for (let at = 0; at < times; at++) {
    const input = { x: around + (at % 40) - 20, kind: at % 2 ? 'a' : 'b', note: `row ${at}` };
    const response = await fetch(`${platform.appsUrl}/demo-staging/tiny/predict`, {
      method: 'POST',
      body: JSON.stringify(input),
    });
    expect(response.status).toBe(200);
    await response.arrayBuffer();
  }
}

const drifting = async (reason: string) =>
  until<Model>(
    await platform.client(),
    { type: kinds.Model, namespace: 'demo', what: `the condition Drifting with ${reason}`, timeout: 60_000 },
    ({ status }) => findCondition(status?.conditions, 'Drifting')?.reason === reason,
  );
const retrainings = async () => {
  const { items } = await (await platform.client()).list<PipelineRun>(kinds.PipelineRun, {
    namespace: 'demo',
    labelSelector: `${runLabels.kind}=retrain`,
  });
  return items.map(({ metadata }) => metadata.annotations?.[runAnnotations.requested] ?? '');
};
const report = async (): Promise<DriftReport> =>
  JSON.parse((await platform.cli(['drift', 'tiny', '-o', 'json'])).stdout) as DriftReport;

test('inputs like those of training are steady, over a restart', { timeout: 120_000 }, async () => {
  await ask(100, 80);
  await drifting('InputsSteady');
  await platform.kill();
  await platform.start();
  await serving(await platform.client(), { namespace: 'demo-staging', model: 'tiny', tag: 'v1.0.0' });
  await drifting('InputsSteady');
  const [staging] = (await report()).environments;
  expect(staging).toMatchObject({ state: 'steady', inputs: 80, referenceInputs: 400 });
  expect(staging!.features.map(({ name }) => name).sort()).toEqual(['kind', 'x']);
  expect(await retrainings()).toEqual([]);
});

test('others drift, and are told of; hostile ones fail nothing', { timeout: 120_000 }, async () => {
  const hostile = ['{"x":"12","kind":{"a":[1]}}', '{"x":NaN}', '[]', '"x"', `{"x":${'9'.repeat(400)}}`];
  for (const body of [
    ...hostile,
    JSON.stringify({ x: 1, ...Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [at, at])) }),
  ]) {
    const response = await fetch(`${platform.appsUrl}/demo-staging/tiny/predict`, { method: 'POST', body });
    expect(response.status).toBe(200);
  }
  middle = 300;
  await ask(300, 300);
  const model = await drifting('InputsDrift');
  const condition = findCondition(model.status?.conditions, 'Drifting');
  expect(condition?.message).toMatch(/^staging: x psi \d.* \(threshold 0\.2\); 1 of 2 features drift$/);
  await until<Event>(
    await platform.client(),
    { type: kinds.Event, namespace: 'demo', what: 'the Event about the drift' },
    ({ reason, involvedObject }) => reason === 'DriftDetected' && involvedObject.name === 'tiny',
  );
  expect((await platform.cli(['status'])).stdout).toMatch(/drifting: demo\/tiny: staging: x psi/);
  expect((await platform.cli(['drift', 'tiny'])).stdout).toMatch(/x +number +\d+\.\d{3} +yes +> /);
  const metrics = await (
    await fetch(`${platform.url}/metrics`, {
      headers: { authorization: `Bearer ${await platform.token()}` },
    })
  ).text();
  expect(metrics).toMatch(/tagboat_model_input_drift\{namespace="demo-staging",name="tiny",.*feature="x"/);
});

test('drift retrains once, on the new data, and the new version is what is compared then', {
  timeout: 120_000,
}, async () => {
  const client = await platform.client();
  await finishedRun(client, 'demo', 'v1.0.1');
  await serving(client, { namespace: 'demo-staging', model: 'tiny', tag: 'v1.0.1' });
  await drifting('TooFewRequests');
  await ask(300, 80);
  await drifting('InputsSteady');
  expect(await retrainings()).toEqual([expect.stringMatching(/^drift since /)]);
});

test.skipIf(typeof opened === 'string')(
  'the console says what drifts, and that again is not before the window has passed',
  { timeout: 180_000 },
  async () => {
    if (typeof opened === 'string') throw new Error(opened);
    const root = join(import.meta.dirname, '..');
    const built = spawnSync(process.execPath, [join(root, 'scripts', 'build-console.mjs')]);
    expect(built.status, String(built.stderr)).toBe(0);
    await ask(600, 300);
    await drifting('InputsDrift');
    const page = await opened.newPage();
    page.setDefaultTimeout(30_000);
    await page.goto(`${platform.url}/?token=${await platform.token()}`);
    await page.getByText('tiny is asked what it was not trained for').waitFor();
    await page.getByText(/^x \d.* ago$/).waitFor();
    await page.goto(`${platform.url}/models/demo/tiny?tab=drift&environment=staging`);
    const feature = page.getByRole('region', { name: 'x', exact: true });
    await feature.getByText(/^psi \d/).waitFor();
    await feature.getByRole('row', { name: /^> \d+/ }).waitFor();
    await page.getByText(/^\d+ inputs of 24h beside 400 of training/).waitFor();
    for (const theme of ['light', 'dark'] as const)
      expect(await auditPages(page.context(), [page.url()], theme)).toEqual([]);
    await page.goto(`${platform.url}/models/demo/tiny?tab=traffic&environment=staging`);
    await page.getByRole('cell', { name: 'POST /predict' }).first().waitFor();
    expect(await retrainings()).toHaveLength(1);
  },
);
