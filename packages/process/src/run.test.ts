import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runChecked, runCommand, Spawner, type StartCommand, startCommandsWith } from './index.ts';
import { startHere } from './start-command.ts';

const spawner = new Spawner();
afterAll(() => spawner[Symbol.dispose]());

describe.each<{ way: string; start: StartCommand }>([
  { way: 'from this process', start: startHere },
  { way: 'from the small process', start: spawner.start },
])('runCommand, $way', ({ start }) => {
  let before: StartCommand;
  beforeAll(() => {
    before = startCommandsWith(start);
  });
  afterAll(() => void startCommandsWith(before));

  it('returns code and output', async () => {
    const result = await runCommand('sh', ['-c', 'cat; echo err >&2; exit 3'], { stdin: 'hello' });
    expect([result.code, result.stdout.toString(), result.stderr]).toEqual([3, 'hello', 'err\n']);
  });
  it('hands on output as it comes, keeps the beginning of a lot, and keeps its bytes', async () => {
    let seen = 0;
    const { stdout } = await runCommand('sh', ['-c', 'printf "\\377\\0"; head -c 3000000 /dev/zero'], {
      maxOutput: 1_000_000,
      onOutput: (_, data) => {
        seen += data.length;
      },
    });
    expect([seen, stdout.length, stdout[0], stdout[1]]).toEqual([3_000_002, 1_000_000, 255, 0]);
  });
  it('says that it dropped output where it was told to, and ends what writes too much elsewhere', async () => {
    const script = ['-c', 'head -c 17000000 /dev/zero; sleep 0'];
    const bounded = { maxOutput: 1000 };
    expect(await runCommand('sh', script, bounded)).toMatchObject({ code: 0, cut: true });
    expect(await runCommand('true', [], bounded)).toMatchObject({ cut: false });
    await expect(runCommand('sh', script)).rejects.toMatchObject({ reason: 'OutputTooLarge' });
    await expect(runCommand('yes', [])).rejects.toThrow('yes wrote more than 16 MiB');
    expect(await runCommand('sh', script, { onOutput: () => undefined })).toMatchObject({ code: 0 });
  });
  it('runs where it is told, with that environment alone, and takes bytes', async () => {
    const options = {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', WORD: 'hi', NONE: undefined },
      stdin: Buffer.from([0, 255]),
    };
    const { stdout } = await runCommand(
      'sh',
      ['-c', 'echo "$PWD $WORD ${NONE-unset} ${HOME-unset}"; cat'],
      options,
    );
    expect(stdout).toEqual(Buffer.concat([Buffer.from('/ hi unset unset\n'), options.stdin]));
  });
  it('says when the directory does not exist, and when it takes too long', async () => {
    await expect(runCommand('true', [], { cwd: '/does/not/exist' })).rejects.toMatchObject({
      reason: 'CommandNotFound',
    });
    await expect(runCommand('sleep', ['600'], { timeout: 1 })).rejects.toMatchObject({ reason: 'Timeout' });
  });
  it('says when the program does not exist', async () => {
    for (const options of [{}, { maxOutput: 1 }, { background: true }])
      await expect(runCommand('no-such-program-here', [], options)).rejects.toMatchObject({
        reason: 'CommandNotFound',
      });
  });
  it('lets others go first when asked', async () => {
    const { stdout } = await runChecked('nice', [], { background: true });
    expect(stdout.toString()).toBe('19\n');
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
