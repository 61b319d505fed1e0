import { expect, it } from 'vitest';
import { parseYaml } from './yaml.ts';

it('takes for a number only what has digits: a commit such as e1234567 is a text', () => {
  const [document] = parseYaml('a: e1234567\nb: .e3\nc: -E5\nd: 1e3\ne: .5e1\nf: 1_0.5e1\n', 'x.yaml');
  expect(document?.value).toEqual({ a: 'e1234567', b: '.e3', c: '-E5', d: 1000, e: 5, f: 105 });
});
