import type { KubernetesObject } from '@tagboat/api';
import { expect, test } from 'vitest';
import { type Application, hostedAt, ownerOf } from './application.ts';
import { resourceTree } from './resource-tree.ts';

const application: Application = {
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Application',
  metadata: {
    name: 'demo-prices-staging',
    namespace: 'argocd',
    labels: {
      'tagboat.dev/project': 'demo',
      'tagboat.dev/model': 'prices',
      'tagboat.dev/environment': 'staging',
    },
  },
  spec: { source: { repoURL: 'r' }, destination: { namespace: 'n' } },
  status: {
    sync: { status: 'OutOfSync' },
    health: { status: 'Progressing' },
    resources: [
      {
        group: 'serving.kserve.io',
        version: 'v1beta1',
        kind: 'InferenceService',
        namespace: 'n',
        name: 'prices',
        status: 'Synced',
        health: { status: 'Healthy' },
      },
      {
        group: '',
        version: 'v1',
        kind: 'ConfigMap',
        namespace: 'n',
        name: 'missing',
        status: 'OutOfSync',
        health: { status: 'Missing' },
      },
    ],
  },
};

const object = (kind: string, name: string, owner?: string, more: object = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind,
  metadata: {
    name,
    namespace: 'n',
    uid: name,
    ...(owner ? { ownerReferences: [{ apiVersion: 'v1', kind: '', name: owner, uid: owner }] } : {}),
  },
  ...more,
});

test('the tree follows owners from what is declared down to pods', () => {
  const { nodes, edges } = resourceTree(application, [
    object('Pod', 'pod', 'set', {
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [{ restartCount: 2 }],
      },
    }),
    object('ReplicaSet', 'set', 'deployment', { spec: { replicas: 1 }, status: { readyReplicas: 1 } }),
    object('ReplicaSet', 'old-set', 'deployment', { spec: { replicas: 0 } }),
    object('Deployment', 'deployment', 'prices', { spec: { replicas: 2 }, status: { readyReplicas: 1 } }),
    object('InferenceService', 'prices'),
    object('Pod', 'of-somebody-else'),
  ]);
  expect(nodes.map(({ title, column, detail, health }) => [title, column, detail, health])).toEqual([
    ['demo-prices-staging', 0, 'n', 'progressing'],
    ['prices', 1, '', 'healthy'],
    ['missing', 1, 'not there', 'missing'],
    ['deployment', 2, '1 of 2 ready', 'progressing'],
    ['set', 3, '1 of 1 ready', 'healthy'],
    ['pod', 4, 'ready, 2 restarts', 'healthy'],
  ]);
  expect(edges.map(({ from, to }) => `${from} > ${to}`)).toContain('ReplicaSet/n/set > Pod/n/pod');
});

test('the model and the repository that an application is about', () => {
  expect(ownerOf(application)).toEqual({ project: 'demo', model: 'prices', environment: 'staging' });
  expect(ownerOf({ ...application, metadata: { name: 'x' } })).toBeUndefined();
  expect(hostedAt('http://127.0.0.1:8080/git/demo/prices-deployment.git')).toEqual({
    project: 'demo',
    name: 'prices-deployment',
  });
  expect(hostedAt('https://github.com/a/b.git')).toBeUndefined();
});
