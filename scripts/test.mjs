// `npm test`: sets up what is missing, then types, style, the TypeScript tests and the Python tests.
// Ends with the line `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { node24, prepare, root } from './prepare.mjs';

prepare();
const node = node24();
const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}`, NO_COLOR: '1', FORCE_COLOR: '0' };
const scratch = mkdtempSync(join(tmpdir(), 'tagboat-test-'));
let passed = 0;
let failed = 0;
const failures = [];

function run(command, args, options = {}) {
  return spawnSync(command, args, { cwd: root, env, stdio: 'inherit', ...options });
}

/** One check that passes or fails as a whole. */
function check(name, command, args) {
  console.log(`\n== ${name}`);
  if (run(command, args).status === 0) passed++;
  else {
    failed++;
    failures.push(name);
  }
}

const bin = (name) => join(root, 'node_modules', ...name.split('/'));
check('types', node, [bin('typescript/bin/tsc'), '-p', '.']);
check('types of the console', node, [bin('typescript/bin/tsc'), '-p', 'packages/web', '--noEmit']);
check('console', node, [join(root, 'scripts', 'build-console.mjs')]);
check('style', node, [bin('@biomejs/biome/bin/biome'), 'check', '--diagnostic-level=error', '.']);

console.log('\n== tests');
const report = join(scratch, 'vitest.json');
const vitest = run(node, [
  bin('vitest/vitest.mjs'),
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile=${report}`,
  ...process.argv.slice(2),
]);
if (existsSync(report)) {
  const result = JSON.parse(readFileSync(report, 'utf8'));
  passed += result.numPassedTests;
  failed += result.numFailedTests;
  for (const suite of result.testResults) {
    for (const test of suite.assertionResults) if (test.status === 'failed') failures.push(test.fullName);
    // A file that cannot even be loaded has no tests to count.
    if (suite.status === 'failed' && suite.assertionResults.length === 0) {
      failed++;
      failures.push(suite.name);
    }
  }
}
if (vitest.status !== 0 && failed === 0) {
  failed++;
  failures.push('vitest ended with an error');
}

console.log('\n== model server (Python)');
const python = run('python3', ['-m', 'unittest', 'discover', '-s', 'tests'], {
  cwd: join(root, 'packages/serving/python'),
  stdio: 'pipe',
  encoding: 'utf8',
});
process.stdout.write(`${python.stdout}${python.stderr}`);
const count = Number(/Ran (\d+) tests?/.exec(python.stderr)?.[1] ?? 0);
const broken = [...python.stderr.matchAll(/(?:failures|errors)=(\d+)/g)].reduce(
  (sum, match) => sum + Number(match[1]),
  0,
);
passed += Math.max(0, count - broken);
if (python.status !== 0) {
  failed += Math.max(1, broken);
  failures.push('model server');
}

rmSync(scratch, { recursive: true, force: true });
if (failures.length > 0) console.log(`\nfailed:\n${failures.map((name) => `  ${name}`).join('\n')}`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
