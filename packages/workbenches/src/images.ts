/** The environments that Tagboat makes by itself for a workbench. */
export const managedEnvironments = [
  'minimal',
  'data-science',
  'tensorflow',
  'pytorch',
  'spark',
  'project',
] as const;
export type ManagedEnvironment = (typeof managedEnvironments)[number];

/** Images of the Jupyter Docker Stacks and of Open Data Hub's workbenches, and what stands for them here. */
const known: readonly [RegExp, ManagedEnvironment][] = [
  [/(^|\/)(base|minimal)-notebook\b|jupyter-minimal|s2i-minimal-notebook/, 'minimal'],
  [
    /(^|\/)(scipy|datascience)-notebook\b|jupyter-data-?science|s2i-generic-data-science-notebook/,
    'data-science',
  ],
  [/(^|\/)tensorflow-notebook\b|jupyter-tensorflow/, 'tensorflow'],
  [/(^|\/)pytorch-notebook\b|jupyter-pytorch/, 'pytorch'],
  [/(^|\/)(pyspark|all-spark)-notebook\b/, 'spark'],
];

/** The managed environment an image stands for; undefined where the image itself is to be run. */
export function environmentOfImage(image: string | undefined): ManagedEnvironment | undefined {
  return known.find(([pattern]) => pattern.test(image ?? ''))?.[1];
}

export const isManagedEnvironment = (text: string | undefined): text is ManagedEnvironment =>
  managedEnvironments.includes(text as ManagedEnvironment);
