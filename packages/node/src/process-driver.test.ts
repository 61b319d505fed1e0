import { expect, it } from 'vitest';
import { rewriter } from './process-driver.ts';

it('rewrites whole paths only', () => {
  const rewrite = rewriter([{ mountPath: '/workspace', hostPath: '/h/w', readOnly: false }]);
  expect(rewrite('cd /workspace/x && ls /workspaces --d=/workspace /a/workspace')).toBe(
    'cd /h/w/x && ls /workspaces --d=/h/w /a/workspace',
  );
});
