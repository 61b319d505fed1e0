import { evaluate } from '@marcbachmann/cel-js';
import type { WhenExpression } from '@tagboat/api';
import { TagboatError, withinTime } from '@tagboat/base';

const longestCel = 1000;

/** Whether a step's `when` holds, once earlier steps' results are known. @throws `CELEvaluationFailed` */
export async function whenStepRuns(
  expressions: readonly WhenExpression[] | undefined,
  rewrite: {
    text: (text: string) => Promise<string>;
    words: (words: readonly string[]) => Promise<string[]>;
  },
): Promise<boolean> {
  for (const { input = '', operator, values = [], cel } of expressions ?? []) {
    if (cel) {
      if (!holds(await rewrite.text(cel))) return false;
      continue;
    }
    const found = (await rewrite.words(values)).includes(await rewrite.text(input));
    if (operator === 'notin' ? found : !found) return false;
  }
  return true;
}

function holds(cel: string): boolean {
  let value: unknown;
  try {
    value = withinTime(longestCel, () => evaluate(cel) as unknown);
  } catch (cause) {
    throw new TagboatError(
      `the CEL expression ${cel} cannot be evaluated: ${(cause as Error).message.split('\n')[0]}`,
      {
        reason: 'CELEvaluationFailed',
        cause,
      },
    );
  }
  if (typeof value === 'boolean') return value;
  throw new TagboatError(`the CEL expression ${cel} is not evaluated to a boolean`, {
    reason: 'CELEvaluationFailed',
  });
}
