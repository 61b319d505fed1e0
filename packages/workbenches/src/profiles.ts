import { invalid } from '@tagboat/base';

/** What a choice changes about the workbench (KubeSpawner's traits of these names). */
export interface KubespawnerOverride {
  readonly image?: string;
  readonly cpu_limit?: number | string;
  readonly cpu_guarantee?: number | string;
  /** Bytes, or with a suffix K, M, G, T: powers of 1024. */
  readonly mem_limit?: number | string;
  readonly mem_guarantee?: number | string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly extra_annotations?: Readonly<Record<string, string>>;
  readonly extra_labels?: Readonly<Record<string, string>>;
}

export interface ProfileChoice {
  readonly display_name: string;
  readonly default?: boolean;
  readonly kubespawner_override: KubespawnerOverride;
}

export interface ProfileOption {
  readonly display_name: string;
  readonly choices: Readonly<Record<string, ProfileChoice>>;
  readonly unlisted_choice?: {
    readonly enabled?: boolean;
    readonly display_name?: string;
    readonly validation_regex?: string;
    readonly validation_message?: string;
    /** `{value}` in its texts stands for what was entered. */
    readonly kubespawner_override: KubespawnerOverride;
  };
}

/** One entry of JupyterHub's `profileList` (KubeSpawner `profile_list`). */
export interface Profile {
  readonly display_name: string;
  readonly slug: string;
  readonly description?: string;
  readonly default?: boolean;
  readonly kubespawner_override: KubespawnerOverride;
  readonly profile_options?: Readonly<Record<string, ProfileOption>>;
}

const size: ProfileOption = {
  display_name: 'Size',
  choices: {
    small: {
      display_name: 'Small: 1 CPU, 2 GiB',
      default: true,
      kubespawner_override: { cpu_limit: 1, mem_limit: '2G' },
    },
    medium: {
      display_name: 'Medium: 2 CPUs, 4 GiB',
      kubespawner_override: { cpu_limit: 2, mem_limit: '4G' },
    },
    large: { display_name: 'Large: 4 CPUs, 8 GiB', kubespawner_override: { cpu_limit: 4, mem_limit: '8G' } },
  },
};

const stack = (name: string) => `quay.io/jupyter/${name}:2025-03-24`;

/** What there is to choose from where nothing else is said. */
export const defaultProfiles: readonly Profile[] = [
  {
    display_name: "This project's own",
    slug: 'project',
    default: true,
    description: 'What its requirements say: the same environment as its runs have',
    kubespawner_override: {
      image: stack('minimal-notebook'),
      extra_annotations: { 'tagboat.dev/environment': 'project' },
    },
    profile_options: { size },
  },
  {
    display_name: 'Minimal',
    slug: 'minimal',
    description: 'Python and nothing more',
    kubespawner_override: { image: stack('minimal-notebook') },
    profile_options: { size },
  },
  {
    display_name: 'Data science',
    slug: 'data-science',
    description: 'pandas, scikit-learn, matplotlib, widgets',
    kubespawner_override: { image: stack('scipy-notebook') },
    profile_options: { size },
  },
  {
    display_name: 'TensorFlow',
    slug: 'tensorflow',
    description: 'Data science and TensorFlow; installed at the first start (2.6 GB on disk)',
    kubespawner_override: { image: stack('tensorflow-notebook') },
    profile_options: { size },
  },
  {
    display_name: 'PyTorch',
    slug: 'pytorch',
    description:
      'Data science and PyTorch with its GPU libraries; installed at the first start (several GB on disk)',
    kubespawner_override: { image: stack('pytorch-notebook') },
    profile_options: { size },
  },
  {
    display_name: 'Spark',
    slug: 'spark',
    description: 'Data science and PySpark; needs Java on this machine',
    kubespawner_override: { image: stack('pyspark-notebook') },
    profile_options: { size },
  },
];

/**
 * What a profile and the choices in its options come to.
 * @throws `Invalid` naming the profile, option or choice that there is not
 */
export function resolveProfile(
  profiles: readonly Profile[],
  slug: string | undefined,
  choices: Readonly<Record<string, string>> = {},
): { profile: Profile; override: KubespawnerOverride } {
  const profile =
    slug === undefined
      ? (profiles.find((candidate) => candidate.default) ?? profiles[0]!)
      : profiles.find((candidate) => candidate.slug === slug);
  if (!profile)
    throw invalid(`there is no profile "${slug}"`, {
      hint: `there are ${profiles.map((known) => known.slug).join(', ')}`,
    });
  const options = profile.profile_options ?? {};
  for (const name of Object.keys(choices))
    if (!options[name])
      throw invalid(`the profile "${profile.slug}" has no option "${name}"`, {
        hint: `it has ${Object.keys(options).join(', ') || 'none'}`,
      });
  const overrides = Object.entries(options).map(([name, option]) => chosen(name, option, choices[name]));
  return { profile, override: [profile.kubespawner_override, ...overrides].reduce(merged) };
}

function chosen(name: string, option: ProfileOption, asked: string | undefined): KubespawnerOverride {
  const entries = Object.entries(option.choices ?? {});
  if (asked === undefined)
    return (entries.find(([, choice]) => choice.default) ?? entries[0])?.[1].kubespawner_override ?? {};
  const found = option.choices?.[asked];
  if (found) return found.kubespawner_override;
  const unlisted = option.unlisted_choice;
  if (!unlisted || unlisted.enabled === false)
    throw invalid(`the option "${name}" has no choice "${asked}"`, {
      hint: `there are ${entries.map(([choice]) => choice).join(', ')}`,
    });
  if (unlisted.validation_regex && !new RegExp(unlisted.validation_regex).test(asked))
    throw invalid(unlisted.validation_message ?? `"${asked}" does not fit ${unlisted.validation_regex}`);
  return withValue(unlisted.kubespawner_override, asked) as KubespawnerOverride;
}

function withValue(template: unknown, value: string): unknown {
  if (typeof template === 'string') return template.replaceAll('{value}', value);
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([key, item]) => [key, withValue(item, value)]));
}

function merged(a: KubespawnerOverride, b: KubespawnerOverride): KubespawnerOverride {
  return {
    ...a,
    ...b,
    ...(a.environment || b.environment ? { environment: { ...a.environment, ...b.environment } } : {}),
    ...(a.extra_annotations || b.extra_annotations
      ? { extra_annotations: { ...a.extra_annotations, ...b.extra_annotations } }
      : {}),
    ...(a.extra_labels || b.extra_labels ? { extra_labels: { ...a.extra_labels, ...b.extra_labels } } : {}),
  };
}
