import { parse } from '@marcbachmann/cel-js';
import type { WhenExpression } from '@tagboat/api';
import { describeError } from '@tagboat/base';
import { type Problem, Problems } from './problems.ts';

export function validateWhen(expressions: readonly WhenExpression[] | undefined): Problem[] {
  const problems = new Problems();
  for (const [index, { input, operator, values, cel }] of (expressions ?? []).entries()) {
    const path = ['when', index];
    if (cel) {
      if (input || operator || values?.length)
        problems.add(path, 'cel and input+operator+values cannot be set in one WhenExpression');
      const wrong = celProblem(cel);
      if (wrong) problems.add([...path, 'cel'], `invalid cel expression: ${cel} with err: ${wrong}`);
      continue;
    }
    if (operator !== 'in' && operator !== 'notin')
      problems.invalid(
        [...path, 'operator'],
        `operator "${operator ?? ''}" is not recognized. valid operators: in,notin`,
      );
    if (!values?.length) problems.invalid([...path, 'values'], 'expecting non-empty values field');
  }
  return problems.found;
}

function celProblem(text: string): string | undefined {
  try {
    parse(text);
    return undefined;
  } catch (error) {
    return describeError(error).split('\n')[0];
  }
}
