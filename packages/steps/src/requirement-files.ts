import { dirname, join } from 'node:path';

// What tells what a package needs, and of its code where it stands: what is in `src` tells that it is imported from there.
const ofPackages = /(^|\/)(setup\.(py|cfg)|pyproject\.toml|src\/[^/]+(\/__init__)?\.py)$/;
const usual = /^(requirements\.txt|Pipfile(\.lock)?|environment\.ya?ml)$/;
const packageFile = /\.(whl|zip|tar\.gz)$/;

/**
 * Of the files of a commit those that reading its requirements may need: the file itself and what its words name, as
 * includes, limits, directories with packages. A repository may hold many more texts.
 * @param place the model's directory, and the file in it where it is known
 */
export async function requirementFiles(
  paths: readonly string[],
  place: { readonly directory: string; readonly file?: string | undefined },
  read: (path: string) => Promise<string>,
): Promise<string[]> {
  const tracked = new Set(paths);
  const inDirectory = (path: string) => join(place.directory, path);
  const wanted = new Set(paths.filter((path) => ofPackages.test(path)));
  const left = place.file
    ? [inDirectory(place.file)]
    : paths.filter((path) => dirname(path) === join(place.directory) && usual.test(path.split('/').at(-1)!));
  left.push(...[...wanted].filter((path) => path.endsWith('pyproject.toml')));
  const seen = new Set<string>();
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    if (seen.has(path) || !tracked.has(path)) continue;
    seen.add(path);
    wanted.add(path);
    for (const word of wordsOf(await read(path))) {
      const named = join(dirname(path), word);
      if (tracked.has(named)) {
        if (!packageFile.test(named)) left.push(named);
      } else for (const file of standsFor(named, paths)) wanted.add(file);
    }
  }
  return [...wanted];
}

const mostText = 2 ** 20;

/** What may be a path: options may be written together with it (`-rmore.txt`). */
const wordsOf = (text: string): Set<string> =>
  new Set(
    text
      .slice(0, mostText)
      .split(/[\s"'=,()[\]{}]+/)
      .map((word) => word.replace(/^-[rcef](?=.)|^file:(\/\/)?/, '').replace(/\/$/, ''))
      .filter((word) => word !== '' && word !== '.' && !word.startsWith('-') && !word.startsWith('/')),
  );

/** The files by which a directory is there: its packages, else any. */
function standsFor(directory: string, paths: readonly string[]): string[] {
  const inside = paths.filter((path) => path.startsWith(`${directory}/`));
  const packages = inside.filter((path) => packageFile.test(path));
  return packages.length > 0 ? packages : inside.slice(0, 1);
}
