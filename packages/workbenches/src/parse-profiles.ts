import { parseYaml, type SourceDocument } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import { checkShape, list, object, type Shape, text } from '@tagboat/render';
import type { KubespawnerOverride, Profile } from './profiles.ts';

const anything: Shape = { kind: 'any' };
const flag: Shape = { kind: 'boolean' };
const texts: Shape = { kind: 'map', of: anything };

const override = object(
  {
    image: text(),
    cpu_limit: anything,
    cpu_guarantee: anything,
    mem_limit: anything,
    mem_guarantee: anything,
    environment: texts,
    extra_annotations: texts,
    extra_labels: texts,
  },
  {
    later: [
      'args',
      'cmd',
      'default_url',
      'extra_resource_guarantees',
      'extra_resource_limits',
      'node_selector',
      'tolerations',
      'volumes',
      'volume_mounts',
    ],
  },
);

const choice = object(
  { display_name: text(), description: text(), default: flag, kubespawner_override: override },
  { required: ['display_name', 'kubespawner_override'] },
);

const option = object(
  {
    display_name: text(),
    choices: { kind: 'map', of: choice },
    unlisted_choice: object(
      {
        enabled: flag,
        display_name: text(),
        display_name_in_choices: text(),
        description_in_choices: text(),
        validation_regex: text(),
        validation_message: text(),
        kubespawner_override: override,
      },
      { required: ['kubespawner_override'] },
    ),
  },
  { required: ['display_name'] },
);

const profileList = list(
  object(
    {
      display_name: text(),
      slug: text({ pattern: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, example: 'small letters, digits and dashes' }),
      description: text(),
      default: flag,
      kubespawner_override: override,
      profile_options: { kind: 'map', of: option },
    },
    { required: ['display_name'] },
  ),
  1,
);

/**
 * Reads a `profileList` as JupyterHub's configuration has it, alone or under that key.
 * @throws `Invalid` with file:line:column; what is not acted on here is named
 */
export function parseProfiles(source: string, file: string): Profile[] {
  const document = parseYaml(source, file)[0];
  const value = document?.value as { profileList?: unknown } | unknown[] | null | undefined;
  const path = Array.isArray(value) ? [] : ['profileList'];
  const profiles = Array.isArray(value) ? value : value?.profileList;
  if (!document || !Array.isArray(profiles))
    throw invalid('expected a profileList with at least one profile', {
      location: document?.locate(path) ?? { file },
    });
  checkShape(document, profileList, path);
  const known = new Set<string>();
  return (profiles as Partial<Profile>[]).map((entry, index) => {
    checkProfile(entry, document, [...path, index]);
    const { display_name: name = '', kubespawner_override: own = {}, slug = slugOf(name) } = entry;
    if (known.has(slug))
      throw invalid(`there is another profile "${slug}"`, { location: document.locate([...path, index]) });
    known.add(slug);
    return { ...entry, display_name: name, slug, kubespawner_override: own };
  });
}

const slugOf = (name: string) =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');

type Path = readonly (string | number)[];

/** What the shape alone does not tell. */
function checkProfile(profile: Partial<Profile>, document: SourceDocument, path: Path): void {
  checkSizes(profile.kubespawner_override, document, [...path, 'kubespawner_override']);
  for (const [name, { choices = {}, unlisted_choice: unlisted }] of Object.entries(
    profile.profile_options ?? {},
  )) {
    const at = [...path, 'profile_options', name];
    if (Object.keys(choices).length === 0 && !unlisted)
      throw invalid(`expected choices in the option "${name}"`, { location: document.locate(at) });
    for (const [slug, { kubespawner_override: own }] of Object.entries(choices))
      checkSizes(own, document, [...at, 'choices', slug, 'kubespawner_override']);
    const problem = expressionProblem(unlisted?.validation_regex);
    if (problem)
      throw invalid(`expected a regular expression: ${problem}`, {
        location: document.locate([...at, 'unlisted_choice', 'validation_regex']),
      });
  }
}

function checkSizes(own: KubespawnerOverride | undefined, document: SourceDocument, path: Path): void {
  const sizes = [
    ['cpu_limit', /^\d+(\.\d+)?m?$/, '0.5 or 2'],
    ['cpu_guarantee', /^\d+(\.\d+)?m?$/, '0.5 or 2'],
    ['mem_limit', /^\d+(\.\d+)?([KMGT]i?)?$/, '512M or 2G'],
    ['mem_guarantee', /^\d+(\.\d+)?([KMGT]i?)?$/, '512M or 2G'],
  ] as const;
  for (const [key, pattern, example] of sizes) {
    const value = own?.[key];
    if (value !== undefined && value !== null && !pattern.test(String(value)))
      throw invalid(`${key}: expected a size such as ${example}, found ${JSON.stringify(value)}`, {
        location: document.locate([...path, key]),
      });
  }
}

function expressionProblem(expression: string | undefined): string | undefined {
  if (expression === undefined) return undefined;
  try {
    new RegExp(expression);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
