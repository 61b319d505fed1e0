import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { testEnvironment } from '@tagboat/notebooks/testing';
import { Comparison } from './compare.ts';

const directory = resolve(process.argv[2] ?? join(import.meta.dirname, 'corpus'));
if (!existsSync(directory)) {
  console.error(`there is no folder ${directory}`);
  process.exit(2);
}
const requirements = join(directory, 'requirements.txt');
const environment = await testEnvironment(existsSync(requirements) ? requirements : undefined);
if ('reason' in environment) {
  console.error(environment.reason);
  process.exit(2);
}
const counts = { passed: 0, failed: 0, 'not applicable': 0 };
{
  await using comparison = await Comparison.open(environment.python);
  for await (const { name, kind, why } of comparison.folder(directory)) {
    counts[kind]++;
    console.log(`${kind === 'passed' ? 'ok' : kind}  ${name}${kind === 'passed' ? '' : `: ${why}`}`);
  }
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts['not applicable']} not applicable`);
process.exitCode = counts.failed === 0 ? 0 : 1;
