import { TagboatError } from '@tagboat/base';
import { describe, expect, it } from 'vitest';
import { explainFullDisk, explainUv } from './explain.ts';
import { keepGivenHashes } from './lock.ts';
import { requirementLine } from './pep508.ts';
import type { Requirements } from './types.ts';

const asks = (...texts: string[]): Requirements => ({
  directory: '',
  file: 'requirements.txt',
  lines: texts.map((text, index) => requirementLine(text, { file: 'requirements.txt', line: index + 1 })),
  constraints: [],
  options: [],
  projects: [],
  files: [],
});

// What uv 0.13.9 prints.
describe('what uv says, in words that name the package and its line', () => {
  it('no network', () => {
    const error = explainUv(
      `error: Request failed after 3 retries in 8.5s
  cause: Failed to fetch: http://127.0.0.1:1/simple/numpy/
  cause: error sending request for url (http://127.0.0.1:1/simple/numpy/)
  cause: client error (Connect)
  cause: tcp connect error
  cause: Connection refused (os error 111)
`,
      asks('six', 'numpy>1'),
    );
    expect(error).toMatchObject({
      message: 'the package "numpy" cannot be fetched: no connection to http://127.0.0.1:1/simple/numpy/',
      reason: 'NetworkUnavailable',
      location: { line: 2 },
    });
  });

  it('a full disk', () => {
    const error = explainUv(
      'error: Failed to download `numpy==2.4.6`\n  cause: Failed to extract archive\n  cause: failed to write to file `x`: No space left on device (os error 28)\n',
      asks('numpy'),
    );
    expect(error).toMatchObject({ reason: 'DiskFull', message: expect.stringMatching(/^the disk is full/) });
  });

  it('a login that a private index refuses', () => {
    const error = explainUv(
      `error: No solution found when resolving dependencies
  cause: Because ours was not found in the package registry and you require ours, we can conclude that your requirements are unsatisfiable.

hint: An index URL (http://bob:pw@127.0.0.1:9/) could not be queried due to a lack of valid authentication credentials (401 Unauthorized)
`,
      asks('six', 'ours'),
    );
    expect(error).toMatchObject({
      message: 'the package "ours" cannot be fetched: http://127.0.0.1:9/ refused the login (401)',
      location: { line: 2 },
      hint: expect.stringContaining('tagboat secret set package-index INDEX_USER=... INDEX_PASSWORD=...'),
    });
  });

  it('a git repository that is not there', () => {
    const error = explainUv(
      `error: Failed to download and build \`ours @ git+file:///nope/x\`
  cause: Git operation failed
  cause: process didn't exit successfully: \`/usr/bin/git fetch --force\` (exit status: 128)
         --- stderr
         fatal: '/nope/x' does not appear to be a git repository
         fatal: Could not read from remote repository.
`,
      asks('ours @ git+file:///nope/x'),
    );
    expect(error).toMatchObject({
      message: `the package "ours" cannot be fetched from git+file:///nope/x: '/nope/x' does not appear to be a git repository`,
      hint: expect.stringContaining('no directories of this machine'),
      location: { line: 1 },
    });
  });

  it('requirements that contradict one another', () => {
    const error = explainUv(
      `error: No solution found when resolving dependencies
  cause: Because pandas==2.1.0 depends on numpy>=1.23.2 and you require pandas==2.1.0, we can conclude that you require numpy>=1.23.2.
         And because you require numpy<1.20, we can conclude that your requirements are unsatisfiable.
`,
      asks('pandas==2.1.0', 'numpy<1.20'),
    );
    expect(error.message).toBe(
      'the requirements cannot be met: pandas==2.1.0 depends on numpy>=1.23.2 and you require pandas==2.1.0, we can conclude that you require numpy>=1.23.2. And you require numpy<1.20 ("pandas==2.1.0" in requirements.txt:1, "numpy<1.20" in requirements.txt:2)',
    );
  });

  it('a version that wants another Python', () => {
    const error = explainUv(
      `error: No solution found when resolving dependencies
  cause: Because the current Python version (3.11.7) does not satisfy Python>=3.12 and scipy>=1.18.0 depends on Python>=3.12, we can conclude that scipy>=1.18.0 cannot be used.
         And because you require scipy>=1.18, we can conclude that your requirements are unsatisfiable.
`,
      asks('scipy>=1.18'),
    );
    expect(error).toMatchObject({
      hint: expect.stringContaining('environment.python'),
      location: { line: 1 },
    });
  });

  it('a build that fails', () => {
    const error = explainUv(
      `error: Failed to build \`bad==1.0\`
  cause: The build backend returned an error
  cause: Call to \`setuptools.build_meta\` failed (exit status: 1)

         [stderr]
         gcc: not found

hint: Build failures usually indicate a problem with the package
`,
      asks('bad'),
    );
    expect(error).toMatchObject({
      message: 'the package "bad" cannot be built from its source: gcc: not found',
      reason: 'BuildFailed',
    });
  });
});

describe('hashes that the requirements give', () => {
  const lock =
    'idna==3 \\\n    --hash=sha256:cc\nsix==1.16.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n';
  const source = { file: 'requirements.txt', line: 1 };
  it('are the only ones that the lock allows', () => {
    const line = requirementLine('six==1.16.0', source, ['sha256:bb', 'sha256:dd']);
    expect(keepGivenHashes(lock, [line])).toBe(
      'idna==3 \\\n    --hash=sha256:cc\nsix==1.16.0 \\\n    --hash=sha256:bb\n',
    );
  });
  it('must be of a file that is there', () => {
    const line = requirementLine('six==1.16.0', source, ['sha256:00']);
    expect(() => keepGivenHashes(lock, [line])).toThrow(/no file of six==1.16.0 .* sha256:00/);
  });
  it('leave other locks as they are', () => {
    expect(keepGivenHashes(lock, [requirementLine('six==1.16.0', source)])).toBe(lock);
  });
});

it.each([
  Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }),
  new TagboatError('python3 ended with code 1: OSError: [Errno 28] No space left on device', {
    reason: 'CommandFailed',
  }),
])('a full disk is told in words, whoever found it full: %s', async (error) => {
  await expect(explainFullDisk(() => Promise.reject(error))).rejects.toMatchObject({
    reason: 'DiskFull',
    message: expect.stringMatching(/^the disk is full/),
  });
  const other = new Error('something else');
  await expect(explainFullDisk(() => Promise.reject(other))).rejects.toBe(other);
});
