import { type Param, type PipelineTask, typeOfParam } from '@tagboat/api';

type Combination = Record<string, string>;

export function isMatrixed(task: PipelineTask): boolean {
  return (task.matrix?.params?.length ?? 0) > 0 || (task.matrix?.include?.length ?? 0) > 0;
}

/** True where a matrix param is an empty list, so that there is nothing to run. */
export function hasEmptyMatrix(task: PipelineTask): boolean {
  return (task.matrix?.params ?? []).some(({ value }) => Array.isArray(value) && value.length === 0);
}

/** Why a matrix cannot be fanned out, once all its variables are replaced, in Tekton's words; undefined where it can. */
export function mistypedMatrix({ name: task, matrix }: PipelineTask): string | undefined {
  for (const [wanted, params] of [
    ['string', matrix?.include?.flatMap((include) => include.params ?? []) ?? []],
    ['array', matrix?.params ?? []],
  ] as const) {
    const wrong = params.find(({ value }) => typeOfParam(value) !== wanted);
    if (wrong)
      return `parameters of type ${wanted} only are allowed, but param "${wrong.name}" has type "${typeOfParam(wrong.value)}" in pipelineTask "${task}"`;
  }
  return undefined;
}

/** The params of each run of a matrixed task, in Tekton's order (Tekton docs, matrix.md). */
export function fanOut(matrix: NonNullable<PipelineTask['matrix']>): Param[][] {
  const includes = (matrix.include ?? []).map((include) =>
    Object.fromEntries((include.params ?? []).map(({ name, value }) => [name, String(value)])),
  );
  if (!matrix.params?.length) return includes.map(toParams);
  const combinations = product(matrix.params);
  for (const combination of combinations)
    for (const include of includes) if (agrees(combination, include)) Object.assign(combination, include);
  for (const include of includes) if (isNew(combinations, include)) combinations.push(include);
  return combinations.map(toParams);
}

/** How many runs a matrix makes; lists that are not known yet count as one. Those beyond `most` are not made to be counted. */
export function countCombinations(matrix: NonNullable<PipelineTask['matrix']>, most: number): number {
  const includes = matrix.include?.length ?? 0;
  if (!matrix.params?.length) return includes;
  const product = matrix.params.reduce(
    (count, { value }) => count * (Array.isArray(value) ? Math.max(1, value.length) : 1),
    1,
  );
  return product > most ? product : fanOut(matrix).length;
}

function product(params: readonly Param[]): Combination[] {
  let combinations: Combination[] = [];
  for (const [index, { name, value }] of params.entries()) {
    const values = Array.isArray(value) ? value : [String(value)];
    combinations =
      index === 0
        ? values.map((item) => ({ [name]: item }))
        : values.flatMap((item) => combinations.map((combination) => ({ ...combination, [name]: item })));
  }
  return combinations;
}

const agrees = (combination: Combination, include: Combination) =>
  Object.entries(include).every(([name, value]) => !(name in combination) || combination[name] === value);

const isNew = (combinations: readonly Combination[], include: Combination) =>
  Object.keys(include).length > 0 &&
  !combinations.some((combination) =>
    Object.entries(include).some(([name, value]) => combination[name] === value),
  );

const toParams = (combination: Combination): Param[] =>
  Object.keys(combination)
    .sort()
    .map((name) => ({ name, value: combination[name]! }));
