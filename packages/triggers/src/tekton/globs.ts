import { invalid } from '@tagboat/base';

const longestPattern = 500;
const mostAlternatives = 50;

/**
 * Globs as Pipelines-as-Code reads them (the Go library gobwas/glob without separators): `*` and `**` are any text, also
 * with slashes, `?` is one character, `[a-z]` and `[!a-z]` one of a set, `{a,b}` alternatives, `\` takes the next
 * character as it is. Matching takes time in proportion to pattern times text, whatever they hold.
 * @throws `Invalid` for a pattern that is no glob
 */
export function matchesGlobPattern(pattern: string, text: string): boolean {
  if (pattern.length > longestPattern)
    throw invalid(`expected a pattern of at most ${longestPattern} characters`);
  return alternatives(pattern).some((plain) => matchTokens(tokensOf(plain), [...text]));
}

/** Without `{...}`: every way to choose. */
function alternatives(pattern: string): string[] {
  const open = indexOutside(pattern, '{', 0);
  if (open < 0) return [pattern];
  const parts: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let at = open; at < pattern.length; at++) {
    const character = pattern[at];
    if (character === '\\') at++;
    else if (character === '{') depth++;
    else if (character === ',' && depth === 1) {
      parts.push(pattern.slice(start, at));
      start = at + 1;
    } else if (character === '}' && --depth === 0) {
      parts.push(pattern.slice(start, at));
      const found = parts.flatMap((part) =>
        alternatives(pattern.slice(0, open) + part + pattern.slice(at + 1)),
      );
      if (found.length > mostAlternatives)
        throw invalid(`the pattern "${pattern}" has more than ${mostAlternatives} alternatives`);
      return found;
    }
  }
  throw invalid(`the pattern "${pattern}" has a "{" without "}"`);
}

function indexOutside(pattern: string, wanted: string, from: number): number {
  for (let at = from; at < pattern.length; at++) {
    if (pattern[at] === '\\') at++;
    else if (pattern[at] === wanted) return at;
  }
  return -1;
}

type Token = 'any' | ((character: string) => boolean);

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === '*') {
      if (tokens.at(-1) !== 'any') tokens.push('any');
    } else if (character === '?') tokens.push(() => true);
    else if (character === '[') {
      const end = characters.indexOf(']', at + 2);
      if (end < 0) throw invalid(`the pattern "${pattern}" has a "[" without "]"`);
      tokens.push(setOf(characters.slice(at + 1, end)));
      at = end;
    } else {
      const literal = character === '\\' && at + 1 < characters.length ? characters[++at]! : character;
      tokens.push((found) => found === literal);
    }
  }
  return tokens;
}

function setOf(characters: readonly string[]): (character: string) => boolean {
  const negated = characters[0] === '!' || characters[0] === '^';
  const items = negated ? characters.slice(1) : characters;
  const inside = (character: string) => {
    for (let at = 0; at < items.length; at++) {
      if (items[at + 1] === '-' && at + 2 < items.length) {
        if (character >= items[at]! && character <= items[at + 2]!) return true;
        at += 2;
      } else if (items[at] === character) return true;
    }
    return false;
  };
  return (character) => inside(character) !== negated;
}

/** The classic walk with one point to go back to: the last star. */
function matchTokens(tokens: readonly Token[], text: readonly string[]): boolean {
  let token = 0;
  let star = -1;
  let resume = 0;
  for (let at = 0; at < text.length; ) {
    const current = tokens[token];
    if (current === 'any') {
      star = token++;
      resume = at;
    } else if (current?.(text[at]!)) {
      token++;
      at++;
    } else if (star >= 0) {
      token = star + 1;
      at = ++resume;
    } else return false;
  }
  while (tokens[token] === 'any') token++;
  return token === tokens.length;
}
