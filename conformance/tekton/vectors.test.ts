import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PipelineRun, parseYaml, type TaskRun } from '@tagboat/api';
import { describe, expect, it } from 'vitest';
import { findExamples } from './examples.ts';
import { testEngine } from './test-engine.ts';
import { observedOf, playVector, type Vector } from './vectors.ts';

const files = await findExamples(join(dirname(fileURLToPath(import.meta.url)), 'vectors'));
const tested = testEngine();

describe('failure paths', () => {
  it.concurrent.each(files.map((file) => [basename(file, '.yaml'), file] as const))(
    '%s',
    async (name, file) => {
      const [head, ...documents] = parseYaml(await readFile(file, 'utf8'), file);
      const vector = head!.value as Vector;
      const objects = documents.map(({ value }) => value as PipelineRun | TaskRun);
      const run = await playVector(tested.engine, { vector, objects, namespace: `vector-${name}` });
      expect(await observedOf(tested.engine, run, vector)).toEqual(vector.expect);
    },
  );
});
