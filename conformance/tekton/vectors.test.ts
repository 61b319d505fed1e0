import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PipelineRun, parseYaml, type TaskRun } from '@tagboat/api';
import { type Engine, startEngine } from '@tagboat/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findExamples } from './examples.ts';
import { exampleTools } from './tools.ts';
import { observedOf, playVector, type Vector } from './vectors.ts';

const files = await findExamples(join(dirname(fileURLToPath(import.meta.url)), 'vectors'));
let engine: Engine;
let home: string;
let alive: NodeJS.Timeout;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tagboat-vectors-'));
  engine = await startEngine({ home, tools: await exampleTools() });
  // Timers of the engine keep no process alive by themselves.
  alive = setInterval(() => undefined, 60_000);
});
afterAll(async () => {
  clearInterval(alive);
  await engine[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

describe('failure paths', () => {
  it.concurrent.each(files.map((file) => [basename(file, '.yaml'), file] as const))(
    '%s',
    async (name, file) => {
      const [head, ...documents] = parseYaml(await readFile(file, 'utf8'), file);
      const vector = head!.value as Vector;
      const objects = documents.map(({ value }) => value as PipelineRun | TaskRun);
      const run = await playVector(engine, { vector, objects, namespace: `vector-${name}` });
      expect(await observedOf(engine, run, vector)).toEqual(vector.expect);
    },
  );
});
