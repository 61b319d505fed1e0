import { sha256 } from '@tagboat/base';
import { expect, test } from 'vitest';
import { parseManifest } from './registry-client.ts';

test.each<[string, string]>([
  ['no JSON', '{'],
  ['a layer whose digest is a path', '{"layers":[{"digest":"sha256:../../../etc"}]}'],
  ['a layer that is nothing', '{"layers":[null]}'],
  ['a config without a digest', '{"config":{}}'],
  ['an image of another kind of digest', '{"manifests":[{"digest":"md5:x"}]}'],
])('a manifest with %s is refused: digests become names of files', (_, text) => {
  const bytes = new TextEncoder().encode(text);
  expect(() => parseManifest({ bytes, digest: sha256(bytes), mediaType: 'x' })).toThrow(
    expect.objectContaining({ reason: 'Invalid' }),
  );
});
