import { describe, expect, it } from 'vitest';
import { runChecked, runCommand } from './index.ts';

describe('runCommand', () => {
  it('returns code and output', async () => {
    const result = await runCommand('sh', ['-c', 'cat; echo err >&2; exit 3'], { stdin: 'hello' });
    expect([result.code, result.stdout.toString(), result.stderr]).toEqual([3, 'hello', 'err\n']);
  });
  it('says when the program does not exist', async () => {
    for (const options of [{}, { maxOutput: 1 }])
      await expect(runCommand('no-such-program-here', [], options)).rejects.toMatchObject({
        reason: 'CommandNotFound',
      });
  });
  it('kills on abort', async () => {
    const abort = new AbortController();
    const running = runCommand('sh', ['-c', 'echo up; sleep 600'], {
      signal: abort.signal,
      onOutput: () => abort.abort(),
    });
    await expect(running).rejects.toMatchObject({ reason: 'Cancelled' });
  });
  it('shows the end of stderr when a checked command fails', async () => {
    await expect(runChecked('sh', ['-c', 'echo what happened >&2; exit 2'])).rejects.toThrow(
      /code 2: what happened/,
    );
  });
});
