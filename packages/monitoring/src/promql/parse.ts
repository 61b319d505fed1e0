import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { invalid } from '@tagboat/base';
import type { Matcher } from '../series.ts';
import type { Aggregate, Binary, Expression, Matching, Selector, Shift } from './expression.ts';
import { durationOf, numberOf, stringOf } from './literals.ts';

const longest = 10_000;

/**
 * Reads a PromQL expression with Prometheus' own grammar.
 * @throws `Invalid` with the place; also for what the grammar knows and this evaluation does not
 */
export function parsePromql(text: string): Expression {
  if (text.length > longest) throw invalid(`the query has ${text.length} characters; at most ${longest}`);
  const tree = parser.parse(text);
  const cursor = tree.cursor();
  do if (cursor.type.isError) throw syntaxError(text, cursor.from);
  while (cursor.next());
  const top = tree.topNode.firstChild;
  if (!top) throw syntaxError(text, 0);
  return new Reader(text).expression(top);
}

function syntaxError(text: string, position: number): Error {
  const found = text.slice(position, position + 20) || 'the end';
  return invalid(`1:${position + 1}: parse error: unexpected ${found}`);
}

/** Turns syntax nodes into expressions. */
class Reader {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  expression(node: SyntaxNode): Expression {
    switch (node.name) {
      case 'NumberDurationLiteral':
        return { kind: 'number', value: numberOf(this.#of(node)) };
      case 'StringLiteral':
        return { kind: 'string', value: stringOf(this.#of(node)) };
      case 'ParenExpr':
        return this.expression(inner(node)[0]!);
      case 'VectorSelector':
        return this.#selector(node);
      case 'MatrixSelector':
        return this.#range(node);
      case 'SubqueryExpr':
        return this.#subquery(node);
      case 'OffsetExpr':
        return this.#shifted(node, { offset: this.#duration(node.getChild('OffsetDurationExpr')!) });
      case 'StepInvariantExpr':
        return this.#shifted(node, { at: this.#at(node) });
      case 'UnaryExpr':
        return this.#unary(node);
      case 'BinaryExpr':
        return this.#binary(node);
      case 'FunctionCall':
        return this.#call(node);
      case 'AggregateExpr':
        return this.#aggregate(node);
      default:
        throw this.#unsupported(node);
    }
  }

  #of(node: SyntaxNode): string {
    return this.#text.slice(node.from, node.to);
  }

  #unsupported(node: SyntaxNode): Error {
    return invalid(`1:${node.from + 1}: ${this.#of(node).slice(0, 60)} (${node.name}) is not supported here`);
  }

  #duration(node: SyntaxNode): number {
    const literal = /^\s*([+-]?)\s*(\S+?)\s*$/.exec(this.#of(node));
    const value = literal ? durationOf(literal[2]!) : undefined;
    if (value === undefined) throw this.#unsupported(node);
    return literal![1] === '-' ? -value : value;
  }

  #at(node: SyntaxNode): number | 'start' | 'end' {
    const special = node.getChild('AtModifierPreprocessors');
    if (special) return special.getChild('AtStart') ? 'start' : 'end';
    return numberOf(this.#of(node.getChildren('NumberDurationLiteral').at(-1)!)) * 1000;
  }

  #selector(node: SyntaxNode): Selector {
    const name = node.getChild('Identifier');
    const matchers: Matcher[] = name ? [{ name: '__name__', operator: '=', value: this.#of(name) }] : [];
    for (const child of inner(node.getChild('LabelMatchers'))) matchers.push(this.#matcher(child));
    if (!matchers.some(isSpecific))
      throw invalid('a selector must hold a name or at least one matcher that does not match the empty text');
    return { kind: 'selector', matchers, offset: 0 };
  }

  #matcher(node: SyntaxNode): Matcher {
    if (node.name === 'QuotedLabelName')
      return { name: '__name__', operator: '=', value: stringOf(this.#of(node)) };
    const [name, operator, value] = inner(node);
    const label = name!.name === 'QuotedLabelName' ? stringOf(this.#of(name!)) : this.#of(name!);
    const matcher = {
      name: label,
      operator: this.#of(operator!),
      value: stringOf(this.#of(value!)),
    } as Matcher;
    if (matcher.operator.endsWith('~')) checkPattern(matcher.value);
    return matcher;
  }

  #range(node: SyntaxNode): Expression {
    const selector = this.expression(inner(node)[0]!);
    if (selector.kind !== 'selector') throw invalid('ranges are only allowed for vector selectors');
    return { kind: 'range', selector, window: this.#duration(node.getChild('DurationExpr')!) };
  }

  #subquery(node: SyntaxNode): Expression {
    const [window, step] = node.getChildren('DurationExpr');
    return {
      kind: 'subquery',
      expression: this.expression(inner(node)[0]!),
      window: this.#duration(window!),
      ...(step ? { step: this.#duration(step) } : {}),
      offset: 0,
    };
  }

  #shifted(node: SyntaxNode, shift: Partial<Shift>): Expression {
    const expression = this.expression(inner(node)[0]!);
    if (expression.kind === 'range') return { ...expression, selector: { ...expression.selector, ...shift } };
    if (expression.kind === 'selector' || expression.kind === 'subquery') return { ...expression, ...shift };
    throw invalid('offset and @ may follow a selector or a subquery only');
  }

  #unary(node: SyntaxNode): Expression {
    const [operator, operand] = inner(node);
    const expression = this.expression(operand!);
    return this.#of(operator!) === '-' ? { kind: 'negate', expression } : expression;
  }

  #binary(node: SyntaxNode): Binary {
    const parts = inner(node);
    if (node.getChild('FillModifier')) throw this.#unsupported(node.getChild('FillModifier')!);
    return {
      kind: 'binary',
      operator: this.#of(parts[1]!).toLowerCase(),
      bool: node.getChild('BoolModifier') !== null,
      matching: this.#matching(node.getChild('MatchingModifierClause')),
      left: this.expression(parts[0]!),
      right: this.expression(parts.at(-1)!),
    };
  }

  #matching(node: SyntaxNode | null): Matching {
    if (!node) return { on: false, labels: [], include: [] };
    const [labels, include] = node.getChildren('GroupingLabels');
    const group = node.getChild('GroupLeft') ? 'left' : node.getChild('GroupRight') ? 'right' : undefined;
    return {
      on: node.getChild('On') !== null,
      labels: this.#labels(labels),
      include: this.#labels(include),
      ...(group ? { group } : {}),
    };
  }

  #call(node: SyntaxNode): Expression {
    const name = this.#of(node.getChild('FunctionIdentifier')!).toLowerCase();
    return { kind: 'call', name, args: this.#arguments(node) };
  }

  #aggregate(node: SyntaxNode): Aggregate {
    const args = this.#arguments(node);
    const modifier = node.getChild('AggregateModifier');
    const operator = this.#of(node.getChild('AggregateOp')!).toLowerCase();
    const expression = args.at(-1);
    if (!expression || args.length > 2) throw invalid(`${operator} expects one or two arguments`);
    return {
      kind: 'aggregate',
      operator,
      without: modifier?.getChild('Without') != null,
      labels: this.#labels(modifier?.getChild('GroupingLabels')),
      expression,
      ...(args.length === 2 ? { parameter: args[0]! } : {}),
    };
  }

  #arguments(node: SyntaxNode): Expression[] {
    return inner(node.getChild('FunctionCallBody')).map((child) => this.expression(child));
  }

  #labels(node: SyntaxNode | null | undefined): string[] {
    return inner(node).map((child) =>
      child.name === 'QuotedLabelName' ? stringOf(this.#of(child)) : this.#of(child),
    );
  }
}

function inner(node: SyntaxNode | null | undefined): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let child = node?.firstChild; child; child = child.nextSibling) found.push(child);
  return found.filter(({ name }) => /^[A-Z]/.test(name) && name !== 'LineComment');
}

function isSpecific({ operator, value }: Matcher): boolean {
  if (operator === '=') return value !== '';
  if (operator === '!=') return value === '';
  return new RegExp(`^(?:${value})$`).test('') === (operator === '!~');
}

function checkPattern(pattern: string): void {
  try {
    new RegExp(`^(?:${pattern})$`);
  } catch {
    throw invalid(`"${pattern}" is no regular expression`);
  }
}
