// Start of a workbench, and what the gate costs. See README.md.
import { Agent, get } from 'node:http';
import { findCondition, kinds, type Notebook, type Pod, type Secret } from '@tagboat/api';
import { PlatformProcess, until } from '@tagboat/dev-env';

const requests = 1000;
const fileSize = 64 * 2 ** 20;

await using platform = await PlatformProcess.start();
const client = await platform.client();
const namespace = 'bench';
const name = 'lab';
await client.create(kinds.Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });

const phase = (notebook: Notebook) => findCondition(notebook.status?.conditions, 'Ready')?.reason;
const reach = (wanted: string) =>
  until<Notebook>(
    client,
    { type: kinds.Notebook, namespace, what: `${name} ${wanted}`, timeout: 600_000 },
    (notebook) => phase(notebook) === wanted,
  );
const seconds = async (work: () => Promise<unknown>) => {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
};
const post = (path: string, body: object = {}) =>
  client.request('POST', `/tagboat/workbenches/${path}`, body);

const first = await seconds(async () => {
  await post('', { namespace, name, profile: 'minimal' });
  await reach('Running');
});
console.log(`first start, with JupyterLab installed: ${first.toFixed(1)} s`);
const later: number[] = [];
for (let round = 0; round < 3; round++) {
  await post(`${namespace}/${name}/stop`);
  await reach('Stopped');
  later.push(
    await seconds(async () => {
      await post(`${namespace}/${name}/start`);
      await reach('Running');
    }),
  );
}
console.log(`later starts: ${later.map((value) => `${value.toFixed(1)} s`).join(', ')}`);

const pod = (await client.get<Pod>({ type: kinds.Pod, namespace, name: `${name}-0` }))!;
const secret = (await client.get<Secret>({
  type: kinds.Secret,
  namespace,
  name: `${name}-workbench-token`,
}))!;
const token = Buffer.from(secret.data!.token!, 'base64').toString('utf8');
const path = `/notebook/${namespace}/${name}`;
const direct = {
  base: `http://${pod.status!.podIP}:8888${path}`,
  headers: { authorization: `token ${token}` },
  agent: new Agent({ keepAlive: true }),
};
const gated = {
  base: `${platform.appsUrl.replace('127.0.0.1', 'localhost')}${path}`,
  headers: { authorization: `Bearer ${await platform.token()}` },
  agent: new Agent({ keepAlive: true }),
};

/** @returns the bytes of the answer */
function fetchOnce({ base, headers, agent }: typeof direct, rest: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(`${base}${rest}`, { headers, agent }, (response) => {
      let size = 0;
      response.on('data', (data: Buffer) => {
        size += data.length;
      });
      response.on('end', () => resolve(size));
    }).on('error', reject);
  });
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const times: { direct: number[]; gated: number[] } = { direct: [], gated: [] };
for (let index = 0; index < requests; index++) {
  times.direct.push(await seconds(() => fetchOnce(direct, '/api')));
  times.gated.push(await seconds(() => fetchOnce(gated, '/api')));
}
const [a, b] = [median(times.direct) * 1000, median(times.gated) * 1000];
console.log(
  `GET /api: direct ${a.toFixed(2)} ms, through the gate ${b.toFixed(2)} ms, added ${(b - a).toFixed(2)} ms at the median`,
);

await fetch(`${direct.base}/api/contents/large.bin`, {
  method: 'PUT',
  headers: { ...direct.headers, 'content-type': 'application/json' },
  body: JSON.stringify({
    type: 'file',
    format: 'base64',
    content: Buffer.alloc(fileSize).toString('base64'),
  }),
});
const speeds: { direct: number[]; gated: number[] } = { direct: [], gated: [] };
for (let round = 0; round < 5; round++)
  for (const [side, place] of Object.entries({ direct, gated }) as [keyof typeof speeds, typeof direct][]) {
    let size = 0;
    const took = await seconds(async () => {
      size = await fetchOnce(place, '/files/large.bin');
    });
    if (size !== fileSize) throw new Error(`expected ${fileSize} bytes, found ${size}`);
    speeds[side].push(size / took / 1e6);
  }
const [c, d] = [median(speeds.direct), median(speeds.gated)];
console.log(
  `a file of 64 MiB: direct ${c.toFixed(0)} MB/s, through the gate ${d.toFixed(0)} MB/s, ratio ${(d / c).toFixed(2)}`,
);
direct.agent.destroy();
gated.agent.destroy();
