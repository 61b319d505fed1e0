import { expect, it } from 'vitest';
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
  ])
    expect(may(url), url).toBe(false);
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
  const may = (url: string, method = 'GET') => mayPod({ ...pod, workbench: 'ada' }, { method, url });
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
