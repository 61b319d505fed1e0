// `npm start`: sets up what is missing, then runs the platform with the demo project. Runs on the host's own Node.
import { spawn } from 'node:child_process';
import { node24, prepare, root } from './prepare.mjs';

prepare();
const entry = `${root}/packages/cli/src/main.ts`;
if (!process.env.PATH?.split(':').includes(`${root}/bin`))
  console.log(`tagboat on your PATH:  export PATH="${root}/bin:$PATH"`);
// The console is built beside the platform's start; until it is, its page says so and opens it by itself.
const building = spawn(process.execPath, [`${root}/scripts/build-console.mjs`], { stdio: 'inherit' });
const child = spawn(
  node24(),
  ['--disable-warning=ExperimentalWarning', entry, 'up', '--demo', ...process.argv.slice(2)],
  {
    stdio: 'inherit',
    cwd: process.env.INIT_CWD ?? process.cwd(),
  },
);
// Ctrl-C reaches the child by itself, which then stops in order; this process only waits.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    if (signal === 'SIGINT') return;
    building.kill(signal);
    child.kill(signal);
  });
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
});
