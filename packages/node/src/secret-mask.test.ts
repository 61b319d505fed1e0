import { expect, it } from 'vitest';
import { SecretMask } from './secret-mask.ts';

it('masks secrets in the forms that programs write them in', () => {
  expect(new SecretMask(['hunter22']).apply('x hunter22 y')).toBe('x *** y');
  const mask = new SecretMask(['p@ss/wörd"1', '-----BEGIN KEY-----\nabcdef\n-----END KEY-----\n', 'no']);
  const forms = [
    ...['p@ss/wörd"1', 'p@ss/wörd"1\n', '-----BEGIN KEY-----\nabcdef\n-----END KEY-----\n'].map((text) =>
      Buffer.from(text).toString('base64'),
    ),
    ...[encodeURIComponent('p@ss/wörd"1'), JSON.stringify({ a: 'p@ss/wörd"1' }), 'abcdef'],
  ];
  for (const form of forms) {
    expect(mask.apply(`x ${form} y`)).toMatch(/^x .*\*{3}.* y$/);
    expect(mask.apply(form)).not.toMatch(/p@ss|p%40ss|wörd|abcdef|[A-Za-z0-9]{8}/);
  }
  expect(mask.apply('no')).toBe('no');
});
