import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { elyraPipeline, elyraTaskRunSpecs, parseElyra } from './index.ts';

const text = (name: string) => readFileSync(join(import.meta.dirname, 'testdata', name), 'utf8');
const changed = (
  change: (value: { pipelines: { nodes: Record<string, unknown>[]; app_data: object }[] }) => void,
) => {
  const value = JSON.parse(text('weather-8.pipeline')) as Parameters<typeof change>[0];
  change(value);
  return JSON.stringify(value);
};
const context = {
  file: 'flows/weather.pipeline',
  registry: 'registry.example.com',
  project: 'demo',
  clone: { taskRef: { kind: 'Task' as const, name: 'tagboat-clone' } },
};

describe('parseElyra', () => {
  it('takes what every object has for no component', () => {
    const other = changed(({ pipelines }) => {
      pipelines[0]!.nodes[0]!.op = 'constructor';
    });
    expect(() => parseElyra(other, 'f')).toThrow(/the component "constructor" is not acted on/);
  });

  it('reads version 8 and, to the same effect, version 7', () => {
    const [eight, seven] = ['weather-8.pipeline', 'weather-7.pipeline'].map((name) =>
      parseElyra(text(name), name),
    );
    expect(eight!.nodes[0]).toMatchObject({
      kind: 'python',
      filename: 'load.py',
      dependencies: ['lib/*.py'],
      outputs: ['data/days.csv'],
      environment: [
        { name: 'UNITS', value: 'metric' },
        { name: 'DAYS', value: '5' },
      ],
      resources: { cpu: 1, memory: 1 },
      parameters: ['city'],
      after: [],
    });
    expect(eight!.parameters).toMatchObject([{ name: 'city', value: 'Brno', required: false }]);
    expect(seven!.nodes[0]!.environment).toEqual(eight!.nodes[0]!.environment);
    expect(seven!.nodes[0]!.resources).toEqual(eight!.nodes[0]!.resources);
    expect(seven!.nodes[1]).toMatchObject({
      secrets: [{ variable: 'KEY', secret: 'keys', key: 'weather' }],
      volumes: [{ path: '/mnt/cache', claim: 'cache' }],
      after: ['load'],
    });
  });

  it('names what is wrong, and where', () => {
    const read = (content: string) => () => parseElyra(content, 'w.pipeline');
    const negative = changed(({ pipelines }) => {
      const { component_parameters: own } = pipelines[0]!.nodes[0]!.app_data as {
        component_parameters: Record<string, unknown>;
      };
      own.memory = -2;
    });
    expect(read(negative)).toThrow(/expected more than 0 in memory, found -2/);
    expect(read('{')).toThrow(/w\.pipeline: this is not JSON/);
    expect(read('{"a": 1}')).toThrow(/expected doc_type "pipeline"/);
    const old = changed(({ pipelines }) => Object.assign(pipelines[0]!.app_data, { version: 3 }));
    expect(read(old)).toThrow(/version 7 or 8, found 3/);
    const other = changed(({ pipelines }) => Object.assign(pipelines[0]!.nodes[0]!, { op: 'BashOperator' }));
    expect(read(other)).toThrow(/node "Load data": the component "BashOperator" is not acted on/);
    const circle = changed(({ pipelines }) =>
      Object.assign(pipelines[0]!.nodes[0]!, { inputs: [{ links: [{ node_id_ref: 'report' }] }] }),
    );
    expect(read(circle)).toThrow(/go in a circle/);
    const nowhere = changed(({ pipelines }) =>
      Object.assign(pipelines[0]!.nodes[0]!, { inputs: [{ links: [{ node_id_ref: 'gone' }] }] }),
    );
    expect(read(nowhere)).toThrow(/linked from a node that is not there/);
  });
});

describe('elyraPipeline', () => {
  it('makes a task of each node, after those it is linked from, with what it declares', () => {
    const { spec } = elyraPipeline(parseElyra(text('weather-8.pipeline'), 'w'), context);
    expect(spec!.tasks.map(({ name, runAfter }) => [name, runAfter])).toEqual([
      ['clone', undefined],
      ['load-data', ['clone']],
      ['report', ['load-data']],
    ]);
    expect(spec!.params!.map(({ name, default: value }) => [name, value])).toEqual([
      ['url', undefined],
      ['revision', undefined],
      ['city', 'Brno'],
    ]);
    const [, load, report] = spec!.tasks;
    expect(load!.taskSpec!.steps![0]!.env).toContainEqual({
      name: 'TAGBOAT_NODE_ENV_city',
      value: '$(params.city)',
    });
    const step = report!.taskSpec!.steps![0]!;
    expect(step.computeResources).toEqual({
      requests: { cpu: '1', memory: '1G' },
      limits: { cpu: '2', memory: '2G', 'amd.com/gpu': '1' },
    });
    expect(step.env).toContainEqual({
      name: 'TAGBOAT_NODE_ENV_KEY',
      valueFrom: { secretKeyRef: { name: 'keys', key: 'weather' } },
    });
    expect(step.volumeMounts).toEqual([{ name: 'volume-0', mountPath: '/mnt/cache' }]);
    expect(report!.taskSpec!.volumes).toEqual([
      { name: 'volume-0', persistentVolumeClaim: { claimName: 'cache' } },
    ]);
  });

  it('gives labels, annotations shared memory and tolerations to the pod', () => {
    const own = (more: object) =>
      changed(({ pipelines }) => {
        const data = pipelines[0]!.nodes[0]!.app_data as { component_parameters: object };
        Object.assign(data.component_parameters, more);
      });
    const spec = elyraPipeline(
      parseElyra(
        own({
          kubernetes_pod_labels: [{ key: 'team', value: 'a' }],
          kubernetes_pod_annotations: [{ key: 'note', value: 'b' }],
          kubernetes_shared_mem_size: { size: 2, units: 'G' },
          kubernetes_tolerations: [],
        }),
        'w',
      ),
      context,
    ).spec!;
    const found = spec.tasks.find(({ taskSpec }) => taskSpec?.metadata)!.taskSpec!;
    expect(found.metadata).toEqual({ labels: { team: 'a' }, annotations: { note: 'b' } });
    expect(found.volumes).toContainEqual({ name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '2G' } });
    expect(found.steps![0]!.volumeMounts).toContainEqual({ name: 'shm', mountPath: '/dev/shm' });
    const tolerated = parseElyra(own({ kubernetes_tolerations: ['gpu:Exists::NoSchedule'] }), 'w');
    const tolerations = [{ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }];
    expect(elyraTaskRunSpecs(tolerated).taskRunSpecs).toMatchObject([{ podTemplate: { tolerations } }]);
  });

  it('tells nodes of one label apart', () => {
    const twice = changed(({ pipelines }) => {
      for (const node of pipelines[0]!.nodes) (node.app_data as { label: string }).label = 'Same';
    });
    const names = elyraPipeline(parseElyra(twice, 'w'), context).spec!.tasks.map(({ name }) => name);
    expect(new Set(names).size).toBe(3);
  });
});
