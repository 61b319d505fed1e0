import { existsSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { git } from '@tagboat/git-client';
import { importedModules, type Notebook, type NotebookFacts, sourceOf } from '@tagboat/notebooks';
import { type ModelFile, stepInputs } from '@tagboat/render';
import { missingModules } from '@tagboat/steps';

export interface NotebookPlace {
  /** Of the repository. */
  readonly root: string;
  /** A path of the repository. */
  readonly notebook: string;
  readonly model: ModelFile | undefined;
  readonly python: string;
}

/** What the repository and the environment say about the modules and files that a notebook names. */
export async function factsOf(notebook: Notebook, place: NotebookPlace): Promise<NotebookFacts> {
  const { root, model, python } = place;
  const context = join(root, model?.spec.context ?? '.');
  const beside = dirname(join(root, place.notebook));
  const names = notebook.cells.flatMap((cell) =>
    cell.cell_type === 'code' ? importedModules(sourceOf(cell)) : [],
  );
  const directories = [beside, context, join(context, 'src'), root].filter((path) => existsSync(path));
  const status = await fileStatus(root);
  const problemOf = problems(place, status);
  return {
    missingModules: await missingModules(python, [...new Set(names)], directories),
    fileProblem: (text) => {
      if (text.length > 300 || !/[./]/.test(text) || /^[a-z]+:\/\//i.test(text)) return undefined;
      const path = [beside, context].map((base) => resolve(base, text)).find(isFileIn(root));
      return path === undefined ? undefined : problemOf(relative(root, path));
    },
  };
}

const isFileIn = (root: string) => (path: string) =>
  path.startsWith(`${root}/`) && existsSync(path) && statSync(path).isFile();

interface FileStatus {
  readonly tracked: ReadonlySet<string>;
  readonly changed: ReadonlySet<string>;
}

async function fileStatus(root: string): Promise<FileStatus> {
  const list = async (args: readonly string[]) =>
    new Set((await git(args, { cwd: root })).stdout.toString('utf8').split('\0').filter(Boolean));
  return {
    tracked: await list(['ls-files', '-z']),
    changed: await list(['diff', '--name-only', '-z', 'HEAD']),
  };
}

function problems({ model }: NotebookPlace, { tracked, changed }: FileStatus) {
  const prefix = model && model.spec.context !== '.' ? `${model.spec.context}/` : '';
  const produced = new Set(model ? [model.spec.artifact.path, ...(model.spec.train?.outputs ?? [])] : []);
  const data = model?.spec.data ?? [];
  return (path: string): { message: string; fix: string } | undefined => {
    const inModel = path.slice(prefix.length);
    if ([...produced].some((made) => inModel === made || inModel.startsWith(`${made}/`))) return undefined;
    const declared = data.find(({ path: known }) => inModel === known || inModel.startsWith(`${known}/`));
    if (declared?.url || declared?.command) return undefined;
    if (!tracked.has(path))
      return {
        message: `it names ${path}, which is on this disk but not in git`,
        fix: 'commit it (git add -f where it is ignored), or declare it as data with a url or command in tagboat.yaml',
      };
    if (changed.has(path))
      return { message: `it names ${path}, which has changes that are not committed`, fix: 'commit them' };
    const seen = !model || declared || stepInputs([inModel], model.spec.train?.inputs).length > 0;
    return seen
      ? undefined
      : {
          message: `it names ${path}, which runs do not see: it is no declared input`,
          fix: 'add it to train.inputs or data in tagboat.yaml',
        };
  };
}
