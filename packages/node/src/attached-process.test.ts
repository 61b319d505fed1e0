import { text } from 'node:stream/consumers';
import { afterEach, expect, test, vi } from 'vitest';
import { startProcess } from './attached-process.ts';

afterEach(() => vi.restoreAllMocks());

test.each(['true', 'echo out; echo err >&2', 'sleep 30 & echo left behind'])(
  'no timer outlives a process: %s',
  async (script) => {
    const started = vi.spyOn(globalThis, 'setInterval');
    const cleared = vi.spyOn(globalThis, 'clearInterval');
    const process = await startProcess({
      command: ['sh', '-c', script],
      environment: { PATH: '/usr/bin:/bin' },
      cwd: '/',
      stdin: false,
      tty: false,
    });
    const [out] = await Promise.all([text(process.stdout), text(process.stderr!), process.exited]);
    expect(out).toBe(script.includes('echo') ? `${script.includes('left') ? 'left behind' : 'out'}\n` : '');
    await vi.waitFor(() => {
      const open = started.mock.results.filter(
        ({ value }) => !cleared.mock.calls.some(([timer]) => timer === value),
      );
      expect(open).toEqual([]);
    });
  },
);
