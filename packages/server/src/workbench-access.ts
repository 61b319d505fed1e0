import { releaseAnnotations } from '@tagboat/render';

/** One request, its path decoded. */
interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: string;
}

/** What a terminal lists and follows. Secrets are not among it, nor anything that runs or reaches into pods. */
const readable = new Set([
  'configmaps',
  'deployments',
  'events',
  'experiments',
  'inferenceservices',
  'models',
  'notebooks',
  'pipelineruns',
  'pipelines',
  'pods',
  'pods/log',
  'pullrequests',
  'repositories',
  'services',
  'taskruns',
  'tasks',
  'handledrefs',
]);

/**
 * What `tagboat` in the terminal of a workbench may ask of the API besides git and images: to read what happens in its
 * project and in the environments of it, and to start and cancel runs, which a push could start as well.
 * @param environments namespaces that the project's models are deployed to
 */
export function mayWorkbench(
  project: string,
  environments: readonly string[],
  { method, path, query }: Asked,
): boolean {
  if (path === '/tagboat') return method === 'GET';
  if (path === '/tagboat/runs')
    return method === 'GET' && new URLSearchParams(query).getAll('project').join() === project;
  if (path === '/apis/argoproj.io/v1alpha1/applications') return method === 'GET' && selects(query, project);
  const match = /^\/(?:api\/v1|apis\/[^/]+\/[^/]+)\/namespaces\/([^/]+)\/(.+)$/.exec(path);
  if (!match) return false;
  const [, namespace = '', rest = ''] = match;
  const [resource = '', name, subresource, ...more] = rest.split('/');
  if (more.length > 0) return false;
  if (method === 'GET') {
    const own = namespace === project || environments.includes(namespace);
    return own && readable.has(subresource === undefined ? resource : `${resource}/${subresource}`);
  }
  if (namespace !== project) return false;
  if (resource === 'pipelineruns' && subresource === undefined)
    return name === undefined ? method === 'POST' : method === 'PATCH';
  // The claim that runs keep environments on is made by whoever needs it first.
  return resource === 'persistentvolumeclaims' && name === undefined && method === 'POST';
}

/** Applications of all projects stand in one namespace, and name theirs in a label. */
const selects = (query: string, project: string) =>
  new URLSearchParams(query).getAll('labelSelector').join() === `${releaseAnnotations.project}=${project}`;
