import type { Pod } from '@tagboat/api';
import { expect, it } from 'vitest';
import { podFailure } from './pod-failure.ts';

type State = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number]['state'];

const pod = (state: State, lastState?: State): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  status: {
    phase: 'Running',
    containerStatuses: [
      {
        name: 'c',
        image: 'i',
        imageID: '',
        ready: false,
        restartCount: 1,
        state,
        ...(lastState ? { lastState } : {}),
      },
    ],
  },
});

const ended = (exitCode: number, message?: string): State => ({
  terminated: { exitCode, reason: 'Error', ...(message ? { message } : {}) },
});

it('tells the last words of a server that ends again and again', () => {
  const waiting = { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } };
  expect(podFailure(pod(waiting, ended(1, 'Traceback\nKeyError: x')))).toEqual({
    reason: 'ModelLoadFailed',
    message: 'the model server ended with code 1: KeyError: x',
    exitCode: 1,
  });
  expect(podFailure(pod(ended(137)))?.message).toBe('the model server ended with code 137');
});

it('tells what keeps a container from starting, and nothing of one that starts or runs', () => {
  expect(podFailure(pod({ waiting: { reason: 'ErrImagePull', message: 'no such image' } }))).toEqual({
    reason: 'ErrImagePull',
    message: 'no such image',
  });
  expect(podFailure(pod({ waiting: { reason: 'ContainerCreating' } }))).toBeUndefined();
  expect(
    podFailure(pod({ running: { startedAt: '2030-01-01T00:00:00Z' } }, ended(1, 'KeyError: x')))?.message,
  ).toMatch(/KeyError: x/);
  expect(podFailure(pod({ running: { startedAt: '2030-01-01T00:00:00Z' } }, ended(137)))).toBeUndefined();
  expect(podFailure(pod({ running: { startedAt: '2030-01-01T00:00:00Z' } }))).toBeUndefined();
  expect(podFailure({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } })).toBeUndefined();
});
