import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KubernetesObject, kinds, type Reference } from '@tagboat/api';
import { describeError, invalid, TagboatError } from '@tagboat/base';
import { checkUrl, git } from '@tagboat/git-client';
import { fromBundle } from './resolve-bundle.ts';
import { fromHub } from './resolve-hub.ts';
import {
  failed,
  fetchText,
  optional,
  type Params,
  type Resolved,
  type ResolveRequest,
  readObject,
  required,
  secretOf,
  sha256,
  timeout,
} from './resolver-tools.ts';

/**
 * Finds the Task, Pipeline or StepAction that a reference means: by name in the namespace, or by a remote resolver
 * (Tekton docs, resolution.md).
 * @throws `NotFound`, `ResolutionFailed`, `Invalid`
 */
export async function resolveReference<T extends KubernetesObject>(
  request: ResolveRequest,
  reference: Reference,
): Promise<Resolved<T>> {
  const { resolver, name } = reference;
  if (!resolver) return { object: await byName<T>(request, request.namespace, name ?? '') };
  const params = new Map((reference.params ?? []).map((param) => [param.name, param]));
  switch (resolver) {
    case 'cluster':
      return fromStore(request, params);
    case 'git':
      return fromGit(request, params);
    case 'http':
      return fromHttp(request, params);
    case 'bundles':
      return fromBundle(request, params);
    case 'hub':
      return fromHub(request, params);
    default:
      throw failed(
        `the resolver "${resolver}" does not work here; those that do are bundles, cluster, git, http and hub`,
      );
  }
}

async function byName<T extends KubernetesObject>(
  { reader, kind }: ResolveRequest,
  namespace: string,
  name: string,
): Promise<T> {
  const found = await reader.get<T>({ type: kinds[kind], namespace, name });
  if (found?.spec) return found;
  const plural = `${kind.toLowerCase()}s.tekton.dev`;
  throw new TagboatError(`${plural} "${name}" not found`, { reason: 'NotFound', retryable: false });
}

async function fromStore<T extends KubernetesObject>(
  request: ResolveRequest,
  params: Params,
): Promise<Resolved<T>> {
  const kind = optional(params, 'kind') ?? request.kind.toLowerCase();
  if (kind !== request.kind.toLowerCase())
    throw invalid(`expected the cluster resolver's kind "${request.kind.toLowerCase()}", found "${kind}"`);
  const namespace = optional(params, 'namespace') ?? request.namespace;
  const object = await byName<T>(request, namespace, required(params, 'name'));
  const { uid = '' } = object.metadata;
  return {
    object,
    source: {
      uri: `/apis/${object.apiVersion}/namespaces/${namespace}/${kind}/${object.metadata.name}@${uid}`,
      digest: { sha256: sha256(JSON.stringify(object.spec)) },
    },
  };
}

async function fromGit<T extends KubernetesObject>(
  request: ResolveRequest,
  params: Params,
): Promise<Resolved<T>> {
  const url = optional(params, 'url');
  if (!url)
    throw failed(
      'the git resolver needs a url here; repositories by org and repo of a forge API do not work',
    );
  const path = required(params, 'pathInRepo').replace(/^\/+/, '');
  const revision = optional(params, 'revision') ?? 'main';
  if (path.split('/').includes('..'))
    throw invalid(`invalid path "${path}": must not contain '..' components`);
  if (revision.startsWith('-')) throw invalid(`expected a revision, found "${revision}"`);
  const password =
    (await secretOf(request, params, { secret: 'gitToken', key: 'gitTokenKey' })) ??
    (await secretOf(request, params, { secret: 'token', key: 'tokenKey' }));
  const credentials = password === undefined ? {} : { credentials: { username: 'git', password } };
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-resolve-'));
  try {
    const options = { cwd: directory, timeout, ...credentials };
    await git(['init', '--quiet', '--bare', '.'], options);
    await git(['fetch', '--quiet', '--depth', '1', '--', checkUrl(url), revision], options);
    const commit = (await git(['rev-parse', 'FETCH_HEAD^{commit}'], options)).stdout.toString('utf8').trim();
    const { stdout } = await git(['cat-file', 'blob', `${commit}:${path}`], options);
    return {
      object: readObject<T>(stdout.toString('utf8'), `${url}@${revision}:${path}`, request.kind),
      source: { uri: `git+${url.replace(/(\.git)?$/, '.git')}`, digest: { sha1: commit }, entryPoint: path },
    };
  } catch (error) {
    throw failed(`cannot get ${path} of ${url} at ${revision}: ${describeError(error)}`, error);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function fromHttp<T extends KubernetesObject>(
  request: ResolveRequest,
  params: Params,
): Promise<Resolved<T>> {
  const url = required(params, 'url');
  if (!/^https?:\/\//.test(url)) throw invalid(`expected an http or https url, found "${url}"`);
  const password = await secretOf(request, params, {
    secret: 'http-password-secret',
    key: 'http-password-secret-key',
  });
  const username = optional(params, 'http-username') ?? '';
  const text = await fetchText(
    url,
    password === undefined
      ? {}
      : { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` },
  );
  checkDigest(text, optional(params, 'digest'));
  return {
    object: readObject<T>(text, url, request.kind),
    source: { uri: url, digest: { sha256: sha256(text) } },
  };
}

function checkDigest(text: string, digest: string | undefined): void {
  if (digest === undefined) return;
  const [algorithm = '', wanted = ''] = digest.split(':');
  if (!['sha256', 'sha512'].includes(algorithm))
    throw invalid(`expected a digest sha256:... or sha512:..., found "${digest}"`);
  const found = createHash(algorithm).update(text).digest('hex');
  if (found !== wanted) throw failed(`SHA mismatch, expected ${wanted}, got ${found}`);
}
