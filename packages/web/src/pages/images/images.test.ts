import { expect, test } from 'vitest';
import {
  compareLayers,
  kindOf,
  type Manifest,
  madeBy,
  newBytes,
  pullCommands,
  usesOf,
} from './image-data.ts';

const manifest = (digests: readonly [string, number][], more: Partial<Manifest> = {}): Manifest => ({
  digest: 'sha256:m',
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  tags: [],
  size: 0,
  pushed: '2026-01-01T00:00:00Z',
  layers: digests.map(([digest, size]) => ({ digest, size, mediaType: 'layer' })),
  annotations: {},
  ...more,
});

test('layers beside those of the image before: only new ones are to be fetched', () => {
  const before = manifest([
    ['a', 90],
    ['b', 5],
  ]);
  const layers = compareLayers(
    manifest([
      ['a', 90],
      ['c', 10],
    ]),
    before,
  );
  expect(layers.map(({ isNew, share }) => [isNew, share])).toEqual([
    [false, 0.9],
    [true, 0.1],
  ]);
  expect(newBytes(layers)).toBe(10);
  expect(compareLayers(before, undefined).some(({ isNew }) => isNew)).toBe(false);
});

test('what uses and what made a digest', () => {
  const service = {
    apiVersion: 'v1',
    kind: 'InferenceService',
    metadata: { name: 's', namespace: 'n' },
    spec: { image: 'host/a@sha256:m' },
  };
  expect(usesOf('sha256:m', [service])).toEqual([{ kind: 'InferenceService', namespace: 'n', name: 's' }]);
  expect(usesOf('sha256:other', [service])).toEqual([]);
  const experiment = { spec: { data: { d: 'sha256:d' }, imageDigest: 'sha256:m' } } as never;
  expect(madeBy('sha256:m', [experiment])).toHaveLength(1);
  expect(madeBy('sha256:d', [experiment])).toHaveLength(1);
  expect(madeBy('sha256:x', [experiment])).toHaveLength(0);
});

test('an artifact is fetched by other tools than an image', () => {
  const artifact = manifest([], { artifactType: 'application/vnd.tagboat.notebooks.v1' });
  expect(kindOf(artifact)).toBe('Executed notebooks');
  expect(pullCommands(artifact, 'r')[0]).toContain('oras');
  expect(kindOf(manifest([]))).toBe('Image');
  expect(pullCommands(manifest([]), 'r')[0]).toBe('docker pull r');
});
