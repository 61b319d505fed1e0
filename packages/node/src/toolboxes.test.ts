import { expect, test } from 'vitest';
import { toolboxOf } from './toolboxes.ts';

const digest = `sha256:${'0'.repeat(64)}`;

test.each([
  ['alpine', 'alpine', 'ash'],
  ['docker.io/library/busybox:1.36', 'busybox', 'ash'],
  [`mirror.gcr.io/library/bash:5@${digest}`, 'bash', 'ash'],
  ['ubuntu:24.04', 'ubuntu', undefined],
  ['python:3.12-slim', 'python', undefined],
  ['python:3.12-alpine', 'python', 'ash'],
  ['mirror.gcr.io/alpine/git:v2', 'git', 'ash'],
  ['registry.access.redhat.com/ubi9/ubi-minimal:latest', 'ubi', undefined],
  ['registry.example.com:5000/team/tagboat:0.1.0', 'tagboat', undefined],
])('%s is the toolbox %s', (image, name, shell) => {
  expect(toolboxOf(image)).toMatchObject({ name, ...(shell ? { shell } : {}) });
  if (!shell) expect(toolboxOf(image)?.shell).toBeUndefined();
});

test.each(['team/alpine', 'quay.io/library/ubuntu', 'golang', 'ghcr.io/x/y', 'localhost:5000/alpine'])(
  '%s is an image of its own',
  (image) => expect(toolboxOf(image)).toBeUndefined(),
);
