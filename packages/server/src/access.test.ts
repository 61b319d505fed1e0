import { describe, expect, it } from 'vitest';
import { mayPod } from './access.ts';

const pod = { kind: 'pod', namespace: 'demo', pod: 'p' } as const;

it("a run's pod reaches its own project alone", () => {
  const may = (url: string, method = 'GET') => mayPod(pod, { method, url });
  expect(may('/git/demo/app.git/info/refs?service=git-receive-pack')).toBe(true);
  expect(may('/git/api/v1/repos/demo/app/pulls')).toBe(true);
  expect(may('/v2/demo/app/manifests/v1', 'PUT')).toBe(true);
  expect(may('/image-builds/demo?image=h/demo/app', 'POST')).toBe(true);
  for (const url of [
    '/git/other/app.git/info/refs',
    '/image-builds/other',
    '/git/api/v1/repos/other/app',
    '/git/demo/..%2fother/app.git/info/refs',
    '/api/v1/namespaces/demo/secrets',
    '/git/demo/%zz',
  ])
    expect(may(url), url).toBe(false);
});

it('a project called "api" has its own repositories, and not the API of all others', () => {
  const may = (url: string) => mayPod({ ...pod, namespace: 'api' }, { method: 'POST', url });
  expect(may('/git/api/app.git/git-receive-pack')).toBe(true);
  expect(may('/git/api/v1.git/git-receive-pack')).toBe(true);
  expect(may('/git/api/v1/repos/api/app/pulls')).toBe(true);
  expect(may('/git/api/v1/repos/demo/app/contents/x')).toBe(false);
  expect(may('/git/api%2fv1%2frepos/demo/app/contents/x')).toBe(false);
});

it("a pod of an outside contributor's run reads its repository, and does nothing else", () => {
  const may = (url: string, method = 'GET') => mayPod({ ...pod, onlyReads: 'app' }, { method, url });
  expect(may('/git/demo/app.git/info/refs?service=git-upload-pack')).toBe(true);
  expect(may('/git/demo/app.git/git-upload-pack', 'POST')).toBe(true);
  expect(may('/git/demo/app.git/info/lfs/objects/batch', 'POST')).toBe(true);
  for (const [url, method] of [
    ['/git/demo/app.git/info/refs?service=git-receive-pack', 'GET'],
    ['/git/demo/app.git/git-receive-pack', 'POST'],
    ['/git/demo/app.git/info/lfs/objects/x', 'PUT'],
    ['/git/demo/app-secret.git/git-upload-pack', 'POST'],
    ['/git/api/v1/repos/demo/app/contents/x', 'PUT'],
    ['/git-credentials?url=https://x', 'GET'],
    ['/v2/demo/app/manifests/v1', 'GET'],
    ['/image-builds/demo', 'POST'],
  ] as const)
    expect(may(url, method), url).toBe(false);
});

it("a workbench's terminal looks at its project and starts runs, and reaches no secret and no other project", () => {
  const workbench = { name: 'ada', environments: ['demo-staging'] };
  const may = (url: string, method = 'GET') => mayPod({ ...pod, workbench }, { method, url });
  const tekton = '/apis/tekton.dev/v1/namespaces';
  for (const [url, method] of [
    ['/tagboat', 'GET'],
    ['/tagboat/runs?project=demo&limit=10', 'GET'],
    [`${tekton}/demo/pipelineruns?watch=true`, 'GET'],
    [`${tekton}/demo/pipelineruns`, 'POST'],
    ['/api/v1/namespaces/demo/pods/a/log?container=step-x', 'GET'],
    ['/apis/serving.kserve.io/v1beta1/namespaces/demo-staging/inferenceservices', 'GET'],
    ['/git/demo/app.git/git-receive-pack', 'POST'],
    ['/apis/argoproj.io/v1alpha1/applications?labelSelector=tagboat.dev%2Fproject%3Ddemo', 'GET'],
  ] as const)
    expect(may(url, method), `${method} ${url}`).toBe(true);
  for (const [url, method] of [
    ['/api/v1/namespaces/demo/secrets', 'GET'],
    ['/api/v1/namespaces/demo/secrets/ada-workbench-token', 'GET'],
    ['/api/v1/namespaces/demo/pods/a/exec?command=sh', 'GET'],
    ['/api/v1/namespaces/demo/pods', 'POST'],
    ['/api/v1/secrets', 'GET'],
    [`${tekton}/pipelineruns`, 'GET'],
    [`${tekton}/other/pipelineruns`, 'GET'],
    // Another project, whose name begins like this one's.
    [`${tekton}/demo-secret/pipelineruns`, 'GET'],
    [`${tekton}/demo-staging/pipelineruns`, 'POST'],
    ['/apis/argoproj.io/v1alpha1/applications', 'GET'],
    ['/apis/argoproj.io/v1alpha1/applications?labelSelector=tagboat.dev%2Fproject%3Dother', 'GET'],
    ['/tagboat/runs', 'GET'],
    ['/tagboat/runs?project=other', 'GET'],
    ['/tagboat/runs?project=demo&project=other', 'GET'],
    ['/tagboat/workbenches/demo/ada/open', 'POST'],
    ['/apis/kubeflow.org/v1/namespaces/demo/notebooks/ada', 'PATCH'],
  ] as const)
    expect(may(url, method), `${method} ${url}`).toBe(false);
  expect(mayPod(pod, { method: 'GET', url: `${tekton}/demo/pipelineruns` })).toBe(false);
});

it('no pod takes layers of another project into its own', () => {
  const may = (from: string) =>
    mayPod(pod, { method: 'POST', url: `/v2/demo/app/blobs/uploads/?mount=sha256:1&from=${from}` });
  expect(may('demo/other')).toBe(true);
  expect(may('secret/app')).toBe(false);
  expect(may('demo%2f..%2fsecret/app')).toBe(false);
});

describe('a pod of a task that runs code of the user', () => {
  const may = (access: 'sources' | 'artifacts' | 'releases', url: string, method = 'GET') =>
    mayPod({ ...pod, scope: { access, model: 'app' } }, { method, url });

  it('keeps what its model consists of, and neither releases nor pushes', () => {
    for (const access of ['artifacts', 'releases'] as const) {
      for (const [url, method] of [
        ['/v2/', 'GET'],
        ['/v2/demo/app/model/blobs/uploads/', 'POST'],
        ['/v2/demo/app/cache/manifests/abc', 'GET'],
        ['/v2/demo/app/notebooks/manifests/run-1', 'PUT'],
        ['/v2/demo/app/data/blobs/sha256:1', 'HEAD'],
      ] as const)
        expect(may(access, url, method), `${method} ${url}`).toBe(true);
      for (const [url, method] of [
        ['/v2/demo/app/manifests/v1', 'PUT'],
        ['/v2/demo/app/manifests/v1', 'GET'],
        ['/v2/demo/other/model/blobs/sha256:1', 'GET'],
        ['/v2/demo/app/model/manifests/sha256:1', 'DELETE'],
        ['/v2/demo/app/model/blobs/uploads/?mount=sha256:1&from=demo/other', 'POST'],
        ['/git/demo/app.git/git-receive-pack', 'POST'],
        ['/git/demo/app.git/info/refs?service=git-upload-pack', 'GET'],
        ['/git/demo/app-deployment.git/git-receive-pack', 'POST'],
        ['/git/demo/app-deployment.git/info/refs?service=git-receive-pack', 'GET'],
        ['/git/api/v1/repos/demo/app/pulls', 'POST'],
        ['/image-builds/demo', 'POST'],
      ] as const)
        expect(may(access, url, method), `${method} ${url}`).toBe(false);
    }
  });

  it('reads what is deployed only where it compares with it', () => {
    const read = '/git/demo/app-deployment.git/info/refs?service=git-upload-pack';
    expect(may('releases', read)).toBe(true);
    expect(may('releases', '/git/demo/app-deployment.git/git-upload-pack', 'POST')).toBe(true);
    expect(may('artifacts', read)).toBe(false);
    for (const access of ['releases', 'artifacts'] as const)
      expect(may(access, '/git-credentials?url=https://x')).toBe(false);
  });

  it('reads sources where it builds or tests them', () => {
    expect(may('sources', '/git/demo/lib.git/info/refs?service=git-upload-pack')).toBe(true);
    expect(may('sources', '/git/demo/lib/git-upload-pack', 'POST')).toBe(true);
    for (const [url, method] of [
      ['/git/demo/lib.git/info/refs?service=git-receive-pack', 'GET'],
      ['/git/demo/lib.git/git-receive-pack', 'POST'],
      ['/git/other/lib.git/info/refs?service=git-upload-pack', 'GET'],
      ['/git-credentials?url=https://x', 'GET'],
      ['/v2/demo/app/model/manifests/x', 'GET'],
      ['/image-builds/demo', 'POST'],
    ] as const)
      expect(may('sources', url, method), `${method} ${url}`).toBe(false);
  });
});
