import { expect, it } from 'vitest';
import { hashOptions } from './ensure-environment.ts';

const hashed = 'numpy==2.2.6 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n';
const commit = 'ours @ git+https://git.example.com/ours.git@58a8f9451cd71e97b55ad68ef054e3162af4b72f';

it.each([
  ['hashes alone', hashed, ['--require-hashes']],
  ['a repository at a commit beside them', `${hashed}${commit}\n`, ['--verify-hashes']],
  ['one of its directories', `${hashed}${commit}#subdirectory=python\n`, ['--verify-hashes']],
  [
    'a repository at a branch',
    `${hashed}ours @ git+https://git.example.com/ours.git@main\n`,
    ['--require-hashes'],
  ],
  ['a package without a hash', `${hashed}${commit}\nother==1\n`, ['--require-hashes']],
  ['no hashes', `# nothing\n${commit}\n`, []],
  ['nothing', '', []],
])('holds a lock with %s against its hashes', (_, lock, options) => {
  expect(hashOptions(lock)).toEqual(options);
});
