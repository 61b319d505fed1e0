import { describeError, invalid, TagboatError } from '@tagboat/base';

const artifactHub = 'https://artifacthub.io/api/v1/packages';

/**
 * A Task or Pipeline of Artifact Hub by `name` or `name:version`, as Pipelines-as-Code asks for it: from the catalogs
 * `tekton-catalog-tasks` and `tekton-catalog-pipelines`. @throws `Invalid` that names the ways without it
 */
export async function fromCatalog(
  fetchText: (url: string) => Promise<string>,
  kind: 'Task' | 'Pipeline',
  reference: string,
): Promise<string> {
  const [name = '', version] = reference.split(':');
  const refused = (why: string) =>
    invalid(`the ${kind} "${reference}" cannot be had of Artifact Hub: ${why}`, {
      hint: 'commit it to .tekton/, give the path or the URL of its file in the annotation, or apply it to the project',
    });
  if (!/^[\w.-]+$/.test(name) || (version !== undefined && !/^[\w.-]+$/.test(version)))
    throw refused('expected name or name:version');
  const plural = kind === 'Task' ? 'tasks' : 'pipelines';
  const path = `tekton-${kind.toLowerCase()}/tekton-catalog-${plural}/${name}${version ? `/${version}` : ''}`;
  let text: string;
  try {
    text = await fetchText(`${artifactHub}/${path}`);
  } catch (error) {
    if (!(error instanceof TagboatError)) throw error;
    throw refused(describeError(error));
  }
  const manifest = manifestOf(text);
  if (manifest === undefined) throw refused('its answer holds no manifest');
  return manifest;
}

function manifestOf(text: string): string | undefined {
  try {
    const { data, manifestRaw } = JSON.parse(text) as Record<string, unknown>;
    const found = (data as { manifestRaw?: unknown } | undefined)?.manifestRaw ?? manifestRaw;
    return typeof found === 'string' && found !== '' ? found : undefined;
  } catch {
    return undefined;
  }
}
