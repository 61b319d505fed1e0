import { describe, expect, it } from 'vitest';
import {
  compareTags,
  matchesTag,
  nextTag,
  readModelFile,
  runResources,
  servedFiles,
  stepInputs,
} from './index.ts';

const head = 'apiVersion: tagboat.dev/v1alpha1\nkind: Model\nmetadata: { name: m }\nspec:\n';

describe('readModelFile', () => {
  it('fills in defaults', () => {
    const [model] = readModelFile(
      `${head}  train: { notebook: a.ipynb, parameters: { eps: 0.5 } }\n  artifact: { path: m.joblib }\n`,
    );
    expect(model?.spec).toMatchObject({
      tags: ['v*', '[0-9]*'],
      train: { steps: [{ notebook: 'a.ipynb', parameters: { eps: 0.5 } }], timeout: '1h' },
      deploy: [
        { environment: 'staging', via: 'commit' },
        { environment: 'production', via: 'promotion' },
      ],
    });
  });
  it.each([
    ['  trian: 1\n  artifact: { path: a }\n', /unknown key "trian"; did you mean "train"\?.*/s, 5],
    ['  artifact: { path: ../x }\n', /inside the repository/, 5],
    ['  tags: [v*]\n', /neither/, 5],
    ['  artifact: { path: a }\n  serve: { app: x }\n', /"app" is not supported yet/, 6],
    ['  artifact: { path: a }\n  train: { notebook: a, script: b }\n', /notebook and script/, 6],
    [
      '  artifact: { path: a }\n  train:\n    notebook: a\n    parameters:\n      eps: 1\n      max-depth: 2\n',
      /train\.parameters: expected a name that Python can have such as "max_depth", found "max-depth"/,
      10,
    ],
    ['  artifact: { path: a }\n  train: { notebook: a, parameters: { lambda: 2 } }\n', /found "lambda"/, 6],
    [
      '  artifact: { path: a }\n  train:\n    steps:\n      - { script: s.py, parameters: { a-b: 1 } }\n      - { notebook: n.ipynb, parameters: { a b: 1 } }\n',
      /train\.steps\.1\.parameters: .* found "a b"/,
      9,
    ],
    [
      '  artifact: { path: a }\n  train: { script: a, parameters: { "1x": 2 } }\n',
      /expected a name such as/,
      6,
    ],
    [
      '  artifact: { path: a }\n  train:\n    notebook: a\n    resources:\n      memory: much\n',
      /quantity such as 500m or 2Gi, found "much"/,
      9,
    ],
    [
      '  artifact: { path: a }\n  train: { notebook: a, resources: { memroy: 2Gi } }\n',
      /expected cpu, memory/,
      6,
    ],
    ['  artifact: { path: a }\n  retrain: { schedule: "61 * * * *" }\n', /five fields of cron such as/, 6],
    ['  artifact: { path: a }\n  retrain: { schedule: "0 0 30 2 *" }\n', /which never comes/, 6],
    ['  artifact: { path: a }\n  serve: { format: sklearn, replicas: -1 }\n', /from 0 to 100, found -1/, 6],
    ['  artifact: { path: a }\n  serve: { predictor: "../x.py:X" }\n', /expected "path\/to\/file.py/, 6],
    ['  artifact: { path: a }\n  deploy: [{ environment: a }, { environment: a }]\n', /found "a" again/, 6],
    [
      '  artifact: { path: a }\n  deploy: [{ environment: a, repo: r1 }, { environment: b, repo: r2 }]\n',
      /one repository for all environments/,
      6,
    ],
    [
      '  artifact: { path: a }\n  evaluate: { script: e, metrics: m, gates: [{ metric: x }] }\n',
      /evaluate\.gates\[0\]: expected min, max or notWorseThanDeployedBy/,
      6,
    ],
    ['  artifact: { path: a }\n  data: [{ name: a, path: b, credentialsFrom: x }]\n', /not supported yet/, 6],
    [
      '  artifact: { path: a }\n  artifact: { path: b }\n',
      /"artifact" stands here twice, first in line 5/,
      6,
    ],
  ])('says what is wrong and where: %s', (spec, message, line) => {
    try {
      readModelFile(head + spec);
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message).toMatch(message);
      expect((error as { location: { line: number } }).location.line).toBe(line);
    }
  });
  it('reads a file of 40,000 keys in no time', () => {
    const keys = Array.from({ length: 40_000 }, (_, index) => `    k${index}: v\n`).join('');
    expect(() => readModelFile(`${head}  artifact: { path: a }\n  extra:\n${keys}`)).toThrow(
      /unknown key "extra"/,
    );
  });
  it('fills in how inputs are watched', () => {
    const text = `${head}  artifact: { path: a }\n  serve: { format: sklearn }\n  monitor: { drift: { threshold: 0.3 } }\n  retrain: { onDrift: true }\n`;
    const [model] = readModelFile(text);
    expect(model?.spec.monitor).toEqual({
      drift: { method: 'psi', threshold: 0.3, window: '24h', minSamples: 200 },
    });
    expect(model?.notices).toEqual([]);
    expect(readModelFile(text.replace('serve', '#'))[0]?.notices.join()).toMatch(/nothing is/);
  });
  it.each([
    ['  monitor: { drift: { method: ks } }\n', /expected one of psi, jensenshannon, found "ks"/, 31],
    ['  monitor: { drift: { threshold: 0 } }\n', /threshold: expected more than 0, found 0/, 34],
    ['  monitor: { drift: { window: 200h } }\n', /window: expected from 1m to 168h, found 200h/, 31],
    ['  monitor: { drift: { minSamples: 1.5 } }\n', /minSamples: expected a whole number/, 35],
    ['  monitor: { threshold: 1 }\n', /unknown key "threshold"/, 14],
    ['  retrain: { onDrift: true }\n', /onDrift: expected monitor.drift/, 23],
  ])('refuses what cannot be watched, at its place: %s', (spec, message, column) => {
    try {
      readModelFile(`${head}  artifact: { path: a }\n${spec}`);
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message).toMatch(message);
      expect((error as { location: object }).location).toMatchObject({ line: 6, column });
    }
  });
  it('gives the training what it asks for, in runs that train', () => {
    const text = `${head}  train: { notebook: a, resources: { cpu: 2, memory: 512Mi, gpu: 0 } }\n  artifact: { path: a }\n`;
    const { spec } = readModelFile(text)[0]!;
    const resources = { cpu: '2', memory: '512Mi' };
    const computeResources = { requests: resources, limits: resources };
    const stepSpecs = [{ name: 'train', computeResources }];
    expect(runResources('release', spec).taskRunSpecs).toEqual([{ pipelineTaskName: 'train', stepSpecs }]);
    expect(runResources('check', spec)).toEqual({});
  });
});

describe('tags and paths', () => {
  it('matches, orders and proposes tags', () => {
    expect(matchesTag('v0.0.5.3', ['v*'])).toBe(true);
    expect(matchesTag('backup-2021', ['v*', '[0-9]*'])).toBe(false);
    expect(matchesTag('flaky@v1.0', ['flaky@v*'])).toBe(true);
    expect(compareTags('v0.0.10', 'v0.0.9')).toBe(1);
    expect(compareTags('v1.0-rc1', 'v1.0')).toBe(-1);
    expect(compareTags('v1', 'backup')).toBeUndefined();
    expect(compareTags('v1.0.0-rc.10', 'v1.0.0-rc.2')).toBe(1);
    expect(compareTags('1.0rc10', '1.0rc2')).toBe(1);
    expect(compareTags('v1.0.0-alpha.1', 'v1.0.0-alpha')).toBe(1);
    expect(compareTags('v1.0.0-alpha.1', 'v1.0.0-alpha.beta')).toBe(-1);
    expect(compareTags('1.0.0.post1', '1.0.0')).toBe(1);
    expect(compareTags('1.0.0.post1', '1.0.1')).toBe(-1);
    expect(nextTag(['v0.1.0', 'other@v9.0.0'])).toBe('v0.1.1');
    expect(nextTag(['v0.1.0', 'm@v9.0.0'], 'm@')).toBe('m@v9.0.1');
    expect(nextTag(['v0.0.9', 'v0.0.10', 'stray'])).toBe('v0.0.11');
    expect(nextTag([])).toBe('v0.1.0');
  });
  it('leaves out what changes nothing', () => {
    const files = ['README.md', 'src/a.py', 'tests/t.py', 'notebooks/n.ipynb', 'tagboat.yaml', 'data/x.gz'];
    expect(stepInputs(files, undefined)).toEqual(['src/a.py', 'notebooks/n.ipynb', 'data/x.gz']);
    expect(servedFiles(files, undefined)).toEqual(['src/a.py']);
    expect(stepInputs(files, ['src/'])).toEqual(['src/a.py']);
  });
});
