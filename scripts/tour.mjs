// `npm run tour`: the whole loop in a few minutes, told in the terminal, each claim checked.
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { node24, prepare, root } from './prepare.mjs';

prepare();
const node = node24();
const entry = `${root}/packages/dev-env/src/tour/main.ts`;
const { status } = spawnSync(
  node,
  ['--disable-warning=ExperimentalWarning', entry, ...process.argv.slice(2)],
  {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` },
  },
);
process.exitCode = status ?? 1;
