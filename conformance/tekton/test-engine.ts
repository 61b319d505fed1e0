import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, startEngine } from '@tagboat/server';
import { afterAll, beforeAll } from 'vitest';
import { exampleTools } from './tools.ts';

/** An engine for all tests of a file, in a home of its own; it is there when the first one begins. */
export function testEngine(): { readonly engine: Engine } {
  let engine: Engine | undefined;
  let home = '';
  let alive: NodeJS.Timeout;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'tagboat-tekton-'));
    engine = await startEngine({ home, tools: await exampleTools() });
    // Timers of the engine keep no process alive by themselves.
    alive = setInterval(() => undefined, 60_000);
  });
  afterAll(async () => {
    clearInterval(alive);
    await engine?.[Symbol.asyncDispose]();
    await rm(home, { recursive: true, force: true });
  });
  return {
    get engine() {
      if (!engine) throw new Error('the engine is there once the first test has begun');
      return engine;
    },
  };
}
