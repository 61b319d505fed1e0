import { invalid } from '@tagboat/base';
import { parse, TomlError } from 'smol-toml';

export type Table = { readonly [key: string]: unknown };

export function isTable(value: unknown): value is Table {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** The table at a path of keys, or an empty one. */
export function tableAt(root: Table, ...path: string[]): Table {
  let here: unknown = root;
  for (const key of path) here = isTable(here) ? here[key] : undefined;
  return isTable(here) ? here : {};
}

/** Parses TOML. @throws `Invalid` with file, line and column. */
export function parseToml(text: string, file: string): Table {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const what = error.message.split('\n')[0]!.replace(/^Invalid TOML document:\s*/, '');
    throw invalid(`expected TOML: ${what}`, {
      location: { file, line: error.line, column: error.column },
    });
  }
}
