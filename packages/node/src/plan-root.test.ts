import { describe, expect, it } from 'vitest';
import { planRoot } from './plan-root.ts';

describe('planRoot', () => {
  it('opens up directories that mounts lie in, and binds the rest', () => {
    const entries: Record<string, string[]> = { '/img/': ['opt', 'usr'], '/img/opt': ['a', 'b'] };
    const operations = planRoot({
      base: '/img',
      list: (path) => (entries[path] ?? []).map((name) => ({ name, kind: 'directory' as const })),
      mounts: [
        { hostPath: '/h', mountPath: '/opt/a', readOnly: false },
        { hostPath: '/w', mountPath: '/workspace', readOnly: false },
      ],
    });
    expect(operations.filter(({ kind }) => kind === 'bind').map(({ path }) => path)).toEqual([
      '/opt/b',
      '/usr',
      '/opt/a',
      '/workspace',
    ]);
  });
});
