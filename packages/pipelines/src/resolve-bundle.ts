import { gunzipSync } from 'node:zlib';
import { type KubernetesObject, kinds, type Secret, withPlainData } from '@tagboat/api';
import { describeError } from '@tagboat/base';
import {
  type Descriptor,
  type ImageManifest,
  type Login,
  loginFrom,
  parseReference,
  type Reference,
  RegistryClient,
} from '@tagboat/oci';
import {
  failed,
  largestFile,
  optional,
  type Params,
  type Registries,
  type Resolved,
  type ResolveRequest,
  readObject,
  required,
  resolverSettings,
} from './resolver-tools.ts';

/** More objects than this are no bundle. */
const mostObjects = 20;
const annotation = (name: string) => `dev.tekton.image.${name}`;

/** A Task, Pipeline or StepAction out of an image of a registry (Tekton docs, bundle-resolver.md). */
export async function fromBundle<T extends KubernetesObject>(
  request: ResolveRequest,
  params: Params,
): Promise<Resolved<T>> {
  const settings = await resolverSettings(request.reader, 'bundleresolver-config');
  const bundle = required(params, 'bundle');
  const name = required(params, 'name');
  const kind = (optional(params, 'kind') ?? settings['default-kind'] ?? 'task').toLowerCase();
  const reference = parseReference(bundle);
  const { host, repository, tag, digest } = reference;
  const account = optional(params, 'serviceAccount') ?? settings['default-service-account'] ?? 'default';
  const login = await loginFor(request, reference, { account, secret: optional(params, 'secret') });
  const client = (request.registries ?? openRegistries)(host, login);
  try {
    const found = await client.getManifest(repository, digest ?? tag ?? 'latest');
    if (!found) throw failed(`cannot retrieve the oci image: ${bundle} is not there`);
    const manifest = JSON.parse(Buffer.from(found.bytes).toString('utf8')) as ImageManifest;
    const layers = manifest.layers ?? [];
    checkLayers(bundle, layers);
    const layer = layers.find(
      ({ annotations }) =>
        annotations?.[annotation('kind')]?.toLowerCase() === kind && annotations[annotation('name')] === name,
    );
    if (!layer) throw failed(`could not find object in image with kind: ${kind} and name: ${name}`);
    if (layer.size > largestFile)
      throw failed(`expected at most ${largestFile} bytes in a layer of ${bundle}`);
    const text = contentOf(await client.getBlob(repository, layer.digest));
    return {
      object: readObject<T>(text, `${bundle}:${kind}/${name}`, request.kind),
      source: {
        uri: `${host}/${repository}`,
        digest: { sha256: found.digest.replace('sha256:', '') },
        entryPoint: name,
      },
    };
  } catch (error) {
    throw failed(`cannot get ${kind} ${name} of the bundle ${bundle}: ${describeError(error)}`, error);
  }
}

function checkLayers(bundle: string, layers: readonly Descriptor[]): void {
  const wrong = (why: string) => failed(`invalid tekton bundle ${bundle}, error: ${why}`);
  if (layers.length > mostObjects)
    throw wrong(`contained more than the maximum ${mostObjects} allow objects`);
  for (const [index, { annotations }] of layers.entries()) {
    for (const name of ['apiVersion', 'name', 'kind'])
      if (annotations?.[annotation(name)] === undefined)
        throw wrong(`the layer ${index} does not contain a ${annotation(name)} annotation`);
    const kind = annotations![annotation('kind')]!;
    if (kind.toLowerCase().replace(/s$/, '') !== kind)
      throw wrong(
        `the layer ${index} the annotation ${annotation('kind')} must be lowercased and singular, found ${kind}`,
      );
  }
}

/** A layer holds one object: as the only file of a tar archive, compressed or not, or as it is. */
function contentOf(blob: Uint8Array): string {
  const packed = blob[0] === 0x1f && blob[1] === 0x8b;
  const bytes = packed ? gunzipSync(blob, { maxOutputLength: largestFile }) : Buffer.from(blob);
  if (bytes.subarray(257, 262).toString('latin1') !== 'ustar') return bytes.toString('utf8');
  const size = Number.parseInt(bytes.subarray(124, 136).toString('latin1'), 8);
  return bytes.subarray(512, 512 + size).toString('utf8');
}

const openRegistries: Registries = (host, login) => {
  const name = host === 'docker.io' ? 'registry-1.docker.io' : host;
  return new RegistryClient({
    url: `${/^(127\.|localhost)/.test(host) ? 'http' : 'https'}://${name}`,
    ...login,
  });
};

type Account = KubernetesObject & {
  secrets?: { name: string }[];
  imagePullSecrets?: { name: string }[];
};

/** The login for a registry that a pull secret holds: the named one, else one of the service account. */
async function loginFor(
  { reader, namespace }: ResolveRequest,
  image: Reference,
  { account, secret }: { account: string; secret: string | undefined },
): Promise<Login | undefined> {
  const found = await reader.get<Account>({ type: kinds.ServiceAccount, namespace, name: account });
  const own = [...(found?.imagePullSecrets ?? []), ...(found?.secrets ?? [])].map(({ name }) => name);
  for (const name of secret === undefined ? own : [secret]) {
    const object = await reader.get<Secret>({ type: kinds.Secret, namespace, name });
    if (!object && secret !== undefined)
      throw failed(`there is no Secret "${name}" in namespace ${namespace}`);
    const login = object && loginIn(object, image);
    if (login) return login;
  }
  return undefined;
}

function loginIn(secret: Secret, image: Reference): Login | undefined {
  const encoded = withPlainData(secret).data?.['.dockerconfigjson'];
  return encoded ? loginFrom(Buffer.from(encoded, 'base64').toString('utf8'), image) : undefined;
}
