import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kinds, type PipelineRun, parseYaml, type TaskRun } from '@tagboat/api';
import { runChecked, runCommand } from '@tagboat/process';
import { startEngine } from '@tagboat/server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exampleTools } from './tekton/tools.ts';
import { playVector, type Vector } from './tekton/vectors.ts';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..');
const environment = { ...process.env, GOFLAGS: '-mod=readonly' };

/** Modules that publish their CRDs, with the files in them. */
const published = {
  'github.com/argoproj/argo-cd/v2@v2.11.0': 'manifests/crds/application-crd.yaml',
  'github.com/kserve/kserve@v0.15.0': 'config/crd/full/serving.kserve.io_inferenceservices.yaml',
};

async function missing(): Promise<string | undefined> {
  const version = await runCommand('go', ['version']).catch(() => undefined);
  if (version?.code !== 0) return 'there is no go on this machine';
  const modules = await runCommand('go', ['mod', 'download'], {
    cwd: join(here, 'go'),
    env: environment,
    timeout: 180_000,
  }).catch(() => undefined);
  return modules?.code === 0 ? undefined : 'the Go modules cannot be had';
}

const why = await missing();

describe.skipIf(why !== undefined)(
  `what tagboat render prints, by the published API types${why ? ` (skipped: ${why})` : ''}`,
  () => {
    let directory: string;
    let schemas: string[];

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'tagboat-go-'));
      const names = Object.keys(published);
      const { stdout } = await runChecked('go', ['mod', 'download', '-json', ...names], {
        cwd: directory,
        env: { ...process.env, GOFLAGS: '' },
      });
      const modules = JSON.parse(
        `[${stdout
          .toString()
          .trim()
          .replaceAll(/\}\s*\{/g, '},{')}]`,
      ) as {
        Path: string;
        Version: string;
        Dir: string;
      }[];
      schemas = Object.entries(published).map(([name, file]) =>
        join(modules.find(({ Path, Version }) => `${Path}@${Version}` === name)!.Dir, file),
      );
      // The first build compiles what the types stand on: a minute or two.
      await runChecked('go', ['build', '-o', join(directory, 'decode'), '.'], {
        cwd: join(here, 'go'),
        env: environment,
      });
    }, 600_000);
    afterAll(() => rm(directory, { recursive: true, force: true }));

    const render = async () => {
      const main = join(root, 'packages', 'cli', 'src', 'main.ts');
      const example = join(root, 'examples', 'flaky-tests');
      return (await runChecked(process.execPath, [main, 'render', example])).stdout.toString();
    };
    const decode = async (yaml: string) => {
      const { code, stdout } = await runCommand(join(directory, 'decode'), schemas, { stdin: yaml });
      return { code, lines: stdout.toString().trim().split('\n') };
    };

    test('every document is accepted', { timeout: 60_000 }, async () => {
      const { code, lines } = await decode(await render());
      expect(lines.filter((line) => !line.startsWith('accepted'))).toEqual([]);
      expect(code).toBe(0);
      for (const kind of ['Task', 'Pipeline', 'PipelineRun', 'Application', 'InferenceService'])
        expect(
          lines.some((line) => line.includes(` ${kind} `)),
          kind,
        ).toBe(true);
    });

    test('every object that Tekton’s controller would write is of its published types', {
      timeout: 120_000,
    }, async () => {
      const home = await mkdtemp(join(tmpdir(), 'tagboat-go-engine-'));
      const alive = setInterval(() => undefined, 60_000);
      try {
        await using engine = await startEngine({ home, tools: await exampleTools() });
        const names = ['retries', 'ignored-failure', 'step-timeout', 'finally-after-failure', 'statuses'];
        for (const name of names) {
          const file = join(here, 'tekton', 'vectors', `${name}.yaml`);
          const [head, ...documents] = parseYaml(await readFile(file, 'utf8'), file);
          const objects = documents.map(({ value }) => value as PipelineRun);
          await playVector(engine, { vector: head!.value as Vector, objects, namespace: name });
        }
        const runs = [
          ...(await engine.store.list<PipelineRun>(kinds.PipelineRun)).items,
          ...(await engine.store.list<TaskRun>(kinds.TaskRun)).items,
        ];
        expect(runs.length).toBeGreaterThan(10);
        // What Tagboat adds, and clients of Tekton leave aside.
        const texts = runs.map((run) =>
          JSON.stringify(run, (key, value) => (key === 'timing' ? undefined : value)),
        );
        const { lines } = await decode(texts.join('\n---\n'));
        expect(lines.filter((line) => !line.startsWith('accepted'))).toEqual([]);
        expect(lines).toHaveLength(runs.length);
      } finally {
        clearInterval(alive);
        await rm(home, { recursive: true, force: true });
      }
    });

    test.each([
      ['Task', 'steps:', 'stepz:'],
      ['Pipeline', 'runAfter:', 'runBefore:'],
      ['Application', 'targetRevision:', 'targetRevison:'],
      ['InferenceService', 'predictor:', 'predicter:'],
    ])('a slip in a %s is refused', { timeout: 60_000 }, async (kind, right, wrong) => {
      const documents = (await render()).split('\n---\n');
      const document = documents.find(
        (text) => new RegExp(`^kind: ${kind}$`, 'm').test(text) && text.includes(right),
      );
      const { code, lines } = await decode(document!.replace(right, wrong));
      expect(lines[0]).toMatch(/^refused/);
      expect(code).toBe(1);
    });
  },
);
