import { evaluate } from '@marcbachmann/cel-js';
import type { WhenExpression } from '@tagboat/api';
import { describeError, TagboatError, withinTime } from '@tagboat/base';

const longestCel = 1000;

/**
 * True when every expression holds (Tekton docs, pipelines.md "Guard Task execution using when expressions").
 * @throws `CELEvaluationFailed` for CEL that does not evaluate to a truth value
 */
export function whenHolds(expressions: readonly WhenExpression[] | undefined): boolean {
  return (expressions ?? []).every((expression) => {
    if (expression.cel !== undefined && expression.cel !== '') return evaluateCel(expression.cel);
    const found = (expression.values ?? []).includes(expression.input ?? '');
    return expression.operator === 'notin' ? !found : found;
  });
}

function evaluateCel(text: string): boolean {
  let value: unknown;
  try {
    value = withinTime(longestCel, () => evaluate(text) as unknown);
  } catch (cause) {
    throw celFailed(
      `the CEL expression ${text} cannot be evaluated: ${describeError(cause).split('\n')[0]}`,
      cause,
    );
  }
  if (typeof value !== 'boolean')
    throw celFailed(`The CEL expression ${text} is not evaluated to a boolean`, undefined);
  return value;
}

function celFailed(message: string, cause: unknown): TagboatError {
  return new TagboatError(message, { reason: 'CELEvaluationFailed', retryable: false, cause });
}
