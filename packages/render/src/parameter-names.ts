type Raw = Record<string, unknown>;

/** Python's own words (its Language Reference, "Keywords"): they name nothing. */
const keywords = new Set(
  `False None True and as assert async await break class continue def del elif else except finally for from global if
   import in is lambda nonlocal not or pass raise return try while with yield`.split(/\s+/),
);

const isName = (name: string) => /^[A-Za-z_]\w*$/.test(name) && !keywords.has(name);
/** Of a script: it becomes the flag `--learning-rate`. */
const isFlag = (name: string) => /^[A-Za-z_][\w-]*$/.test(name);

/** A parameter that its notebook or script could not be given by its name, and where; undefined where all can. */
export function parameterNameProblem(
  spec: Raw,
): { message: string; path: readonly (string | number)[] } | undefined {
  for (const part of ['train', 'evaluate'] as const) {
    const own = spec[part] as Raw | undefined;
    if (!own) continue;
    const steps = (own.steps ?? []) as Raw[];
    const takes = steps.length > 0 ? steps : [own];
    const places = [
      { at: [part] as (string | number)[], of: own, takes },
      ...steps.map((step, index) => stepPlace(part, step, index)),
    ];
    for (const { at, of, takes: taking } of places) {
      const fits = taking.some(({ notebook }) => notebook !== undefined) ? isName : isFlag;
      const wrong = Object.keys((of.parameters ?? {}) as Raw).find((name) => !fits(name));
      if (wrong !== undefined)
        return {
          message: `${at.join('.')}.parameters: expected ${fits === isName ? 'a name that Python can have' : 'a name'} such as "max_depth", found "${wrong}"`,
          path: [...at, 'parameters', wrong],
        };
    }
  }
  return undefined;
}

const stepPlace = (part: string, step: Raw, index: number) => ({
  at: [part, 'steps', index],
  of: step,
  takes: [step],
});
