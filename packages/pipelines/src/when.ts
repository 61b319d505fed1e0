import { evaluate } from '@marcbachmann/cel-js';
import type { WhenExpression } from '@tagboat/api';
import { describeError, invalid } from '@tagboat/base';

/** True when every expression holds (Tekton docs, pipelines.md "Guard Task execution using when expressions"). @throws `Invalid` for CEL that does not evaluate to a truth value. */
export function whenHolds(expressions: readonly WhenExpression[] | undefined): boolean {
  return (expressions ?? []).every((expression) => {
    if (expression.cel !== undefined) return evaluateCel(expression.cel);
    const found = (expression.values ?? []).includes(expression.input ?? '');
    return expression.operator === 'notin' ? !found : found;
  });
}

function evaluateCel(text: string): boolean {
  let value: unknown;
  try {
    value = evaluate(text);
  } catch (cause) {
    throw invalid(
      `the CEL expression "${text}" cannot be evaluated: ${describeError(cause).split('\n')[0]}`,
      { cause },
    );
  }
  if (typeof value !== 'boolean')
    throw invalid(`expected the CEL expression "${text}" to give true or false, found ${typeof value}`);
  return value;
}
