#!/usr/bin/env node
import { enableCompileCache } from 'node:module';

// What waits here may wait on timers that keep no process alive by themselves.
const alive = setInterval(() => undefined, 60_000);
const [command, ...rest] = process.argv.slice(2);
// Steps of runs start often and want nothing of the rest.
if (command === 'step') {
  const { step } = await import('./step.ts');
  process.exitCode = await step(rest[0] ?? '');
} else {
  enableCompileCache(process.env.NODE_COMPILE_CACHE);
  const { run } = await import('./run.ts');
  process.exitCode = await run(process.argv.slice(2));
}
clearInterval(alive);
