import type { WhenExpression } from '@tagboat/api';

/** Whether a step's `when` holds, once earlier steps' results are known. */
export async function whenStepRuns(
  expressions: readonly WhenExpression[] | undefined,
  rewrite: (text: string) => Promise<string>,
): Promise<boolean> {
  for (const { input = '', operator, values = [] } of expressions ?? []) {
    const found = (await Promise.all(values.map(rewrite))).includes(await rewrite(input));
    if (operator === 'notin' ? found : !found) return false;
  }
  return true;
}
