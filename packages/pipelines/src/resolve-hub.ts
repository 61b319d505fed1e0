import { type KubernetesObject, parseYaml } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import {
  failed,
  fetchText,
  optional,
  type Params,
  type Resolved,
  type ResolveRequest,
  readObject,
  required,
  resolverSettings,
} from './resolver-tools.ts';
import { compareVersions, satisfies } from './version-constraint.ts';

const artifactHub = 'https://artifacthub.io';

interface Hub {
  readonly url: string;
  /** Of one version of the object. */
  readonly path: (version: string) => string;
  /** Of what versions there are. */
  readonly list: string;
}

/** A Task, Pipeline or StepAction of Artifact Hub or a Tekton Hub (Tekton docs, hub-resolver.md). */
export async function fromHub<T extends KubernetesObject>(
  request: ResolveRequest,
  params: Params,
): Promise<Resolved<T>> {
  const settings = await resolverSettings(request.reader, 'hubresolver-config');
  const type = optional(params, 'type') ?? settings['default-type'] ?? 'artifact';
  if (type !== 'artifact' && type !== 'tekton')
    throw invalid(`expected the hub resolver's type artifact or tekton, found "${type}"`);
  const kind = optional(params, 'kind') ?? settings['default-kind'] ?? 'task';
  const place = {
    kind,
    name: required(params, 'name'),
    catalog: catalogOf(params, settings, { type, kind }),
  };
  const hub = type === 'artifact' ? ofArtifactHub(settings, place) : ofTektonHub(settings, place);
  const version = await chosenVersion(hub, type, required(params, 'version'));
  const url = `${hub.url}/${hub.path(version)}`;
  const { data } = parsed<{ data?: { yaml?: string; manifestRaw?: string } }>(await fetchText(url, {}), url);
  const text = type === 'artifact' ? data?.manifestRaw : data?.yaml;
  if (!text) throw failed(`fail to fetch ${type} hub resource: ${url} holds no ${kind}`);
  return { object: readObject<T>(text, url, request.kind), source: { uri: url } };
}

interface Place {
  readonly kind: string;
  readonly name: string;
  readonly catalog: string;
}

const ofArtifactHub = (settings: Record<string, string>, { kind, name, catalog }: Place): Hub => {
  const list = `api/v1/packages/tekton-${kind}/${catalog}/${name}`;
  const url = firstUrl(settings['artifact-hub-urls']) ?? process.env.ARTIFACT_HUB_API ?? artifactHub;
  return { url: url.replace(/\/+$/, ''), list, path: (version) => `${list}/${version}` };
};

function ofTektonHub(settings: Record<string, string>, { kind, name, catalog }: Place): Hub {
  const url = firstUrl(settings['tekton-hub-urls']) ?? process.env.TEKTON_HUB_API;
  if (!url)
    throw failed(
      'failed to validate params: please configure TEKTON_HUB_API env variable to use tekton type, or tekton-hub-urls in the ConfigMap hubresolver-config of tekton-pipelines-resolvers',
    );
  const list = `v1/resource/${catalog}/${kind}/${name}`;
  return { url: url.replace(/\/+$/, ''), list, path: (version) => `${list}/${version}/yaml` };
}

function firstUrl(text: string | undefined): string | undefined {
  if (!text) return undefined;
  const [document] = parseYaml(text, 'hubresolver-config');
  const urls = document?.value;
  return Array.isArray(urls) && typeof urls[0] === 'string' ? urls[0] : undefined;
}

function catalogOf(
  params: Params,
  settings: Record<string, string>,
  { type, kind }: { type: string; kind: string },
): string {
  const given = optional(params, 'catalog');
  if (given !== undefined) return given;
  if (type === 'tekton') return settings['default-tekton-hub-catalog'] ?? 'Tekton';
  return settings[`default-artifact-hub-${kind}-catalog`] ?? `tekton-catalog-${kind}s`;
}

/** The newest version that a constraint allows; a plain version is a constraint too. */
async function chosenVersion(hub: Hub, type: 'artifact' | 'tekton', constraint: string): Promise<string> {
  const url = `${hub.url}/${hub.list}`;
  const answer = parsed<{
    available_versions?: { version: string; prerelease?: boolean }[];
    data?: { versions?: { version: string }[] };
  }>(await fetchText(url, {}), url);
  const all =
    type === 'artifact'
      ? (answer.available_versions ?? []).filter(({ prerelease }) => !prerelease)
      : (answer.data?.versions ?? []);
  const fitting = all.map(({ version }) => version).filter((version) => satisfies(version, constraint));
  const newest = fitting.sort(compareVersions).at(-1);
  if (newest === undefined) throw failed(`no version found for constraint ${constraint}`);
  return newest;
}

function parsed<T>(text: string, url: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw failed(`error unmarshalling json response of ${url}`, error);
  }
}
