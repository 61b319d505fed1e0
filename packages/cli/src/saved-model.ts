import { posix } from 'node:path';
import { parseNotebook, sourceOf } from '@tagboat/notebooks';

const modelPath = String.raw`[^"'\n]+\.(?:joblib|pkl|pickle|onnx|json|pt|pth|h5|keras|cbm|ubj|bst|model|npz)`;
/** A call that saves, with a path as text among its arguments, and a file that is opened to be written. */
const saves = [
  new RegExp(String.raw`\b(?:dump|save|save_model|to_pickle|savez)\w*\([^\n]*?["'](${modelPath})["']`, 'g'),
  new RegExp(String.raw`\bopen\(\s*["'](${modelPath})["']\s*,\s*["']wb?["']`, 'g'),
];

/**
 * Where a script or notebook saves its model, as far as its text says so.
 * @param file its path in the repository
 * @returns a path in the repository; undefined where it says none, or takes it from `TAGBOAT_MODEL`
 */
export function savedModel(file: string, text: string): string | undefined {
  const code = file.endsWith('.ipynb') ? codeOf(text, file) : text;
  if (code.includes('TAGBOAT_MODEL')) return undefined;
  const found = saves.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1]!));
  return found
    .map((path) => posix.normalize(path.startsWith('../') ? posix.join(posix.dirname(file), path) : path))
    .find((path) => !path.startsWith('../') && !path.startsWith('/') && !/(metric|report|param)/i.test(path));
}

const codeOf = (text: string, file: string) =>
  parseNotebook(text, file)
    .cells.filter((cell) => cell.cell_type === 'code')
    .map(sourceOf)
    .join('\n');
