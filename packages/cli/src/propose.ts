import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { git } from '@tagboat/git-client';
import { parseNotebook } from '@tagboat/notebooks';
import { savedModel } from './saved-model.ts';
import { nameFrom } from './session.ts';

export interface Proposal {
  readonly text: string;
  readonly notes: readonly string[];
}

/** A `tagboat.yaml` for what a repository holds. */
export async function proposeModelFile(root: string): Promise<Proposal> {
  const listed = await git(['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
  const files = listed.stdout
    .toString('utf8')
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(root, path)));
  const notes: string[] = [];
  const notebook = await trainingNotebook(root, files);
  const [script, ...otherScripts] = files.filter((path) => /(^|\/)(train|fit)[^/]*\.py$/.test(path));
  const trains = notebook ?? script;
  if (!notebook && otherScripts.length > 0)
    notes.push(
      `${otherScripts.slice(0, 3).join(', ')} may train a model too: each model is a document of its own in the file, after ---, and is released by tags such as NAME@v0.1.0`,
    );
  const committed = files.find((path) => /\.(joblib|pkl|pickle)$/.test(path));
  const saved = trains && savedModel(trains, await readFile(join(root, trains), 'utf8'));
  const artifact = saved ?? committed ?? `models/${nameFrom(basename(root))}.joblib`;
  const requirements = ['requirements.txt', 'pyproject.toml', 'Pipfile', 'environment.yml'].find((path) =>
    files.includes(path),
  );
  if (!requirements)
    notes.push('there is no requirements.txt: list the packages that the training needs in one');
  const evaluate = files.find((path) => /(^|\/)(evaluate|evaluation|validate)[^/]*\.(py|ipynb)$/.test(path));
  if (!evaluate)
    notes.push('nothing evaluates the model: add a script that writes metrics, and gates for them');
  const predictor = await findPredictor(root, files);
  const served = predictor
    ? `predictor: ${yamlText(predictor)}`
    : /\.(joblib|pkl|pickle)$/.test(artifact)
      ? 'format: sklearn'
      : undefined;
  if (!served)
    notes.push(
      `nothing can serve ${artifact} yet: write a class with load(path) and predict(inputs), and name it as serve.predictor`,
    );
  const data = files
    .filter((path) => /(^|\/)data\/([^/]+\/)*[^/.][^/]*$/.test(path) && !path.endsWith('.md'))
    .slice(0, 5);
  const train = notebook
    ? `  train:\n    notebook: ${yamlText(notebook)}`
    : script
      ? `  train:\n    script: ${yamlText(script)}`
      : undefined;
  if (!train && !committed)
    notes.push('no notebook, training script or model file was found: name one of them');
  const lines = [
    'apiVersion: tagboat.dev/v1alpha1',
    'kind: Model',
    'metadata:',
    `  name: ${yamlText(nameFrom(basename(root)))}`,
    'spec:',
    ...(requirements ? ['  environment:', `    file: ${requirements}`] : []),
    ...(data.length > 0
      ? [
          '  data:',
          ...namesOf(data).map(
            ([name, path]) => `    - { name: ${yamlText(name)}, path: ${yamlText(path)} }`,
          ),
        ]
      : []),
    train ?? (committed ? undefined : '  train:\n    script: train.py'),
    '  artifact:',
    `    path: ${yamlText(artifact)}`,
    ...(evaluate
      ? [
          '  evaluate:',
          `    ${evaluate.endsWith('.py') ? 'script' : 'notebook'}: ${yamlText(evaluate)}`,
          '    metrics: reports/metrics.json',
        ]
      : []),
    ...(served ? ['  serve:', `    ${served}`] : []),
    '  deploy:',
    '    - environment: staging',
    '    - environment: production',
    '      via: promotion',
  ];
  return { text: `${lines.filter((line) => line !== undefined).join('\n')}\n`, notes };
}

/** A text as YAML: plain where that can only mean a text, else in quotes (JSON's, which are YAML's too). */
const yamlText = (text: string): string =>
  /^[A-Za-z_./][\w./:-]*$/.test(text) && !/:$|^(y|n|yes|no|on|off|true|false|null)$/i.test(text)
    ? text
    : JSON.stringify(text);

/** A name of its own for each data file: what stands before the dot, else all of it, else a number after it. */
function namesOf(paths: readonly string[]): [name: string, path: string][] {
  const taken = new Set<string>();
  return paths.map((path) => {
    const [short, long] = [nameFrom(basename(path).replace(/\..*$/, '')), nameFrom(basename(path))];
    let name = taken.has(short) ? long : short;
    for (let number = 2; taken.has(name); number++) name = `${long}-${number}`;
    taken.add(name);
    return [name, path];
  });
}

/** The notebook that saves a model, else the only one. */
async function trainingNotebook(root: string, files: readonly string[]): Promise<string | undefined> {
  const notebooks = files.filter((path) => path.endsWith('.ipynb'));
  for (const path of notebooks) {
    const text = await readFile(join(root, path), 'utf8');
    try {
      parseNotebook(text, path);
    } catch {
      continue;
    }
    if (/joblib\.dump|pickle\.dump|save_model|\.save\(|TAGBOAT_MODEL/.test(text)) return path;
  }
  return notebooks.length === 1 ? notebooks[0] : undefined;
}

async function findPredictor(root: string, files: readonly string[]): Promise<string | undefined> {
  for (const path of files.filter((file) => file.endsWith('.py') && !/(^|\/)tests?\//.test(file))) {
    const text = await readFile(join(root, path), 'utf8');
    for (const match of text.matchAll(/^class (\w+)[^\n]*:\n([\s\S]*?)(?=^\S|$(?![\s\S]))/gm))
      if (/^\s+def predict\(/m.test(match[2]!)) return `${path}:${match[1]}`;
  }
  return undefined;
}
