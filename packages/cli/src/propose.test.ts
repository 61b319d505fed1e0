import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { git } from '@tagboat/git-client';
import { modelFileName, readModelFile } from '@tagboat/render';
import { expect, it } from 'vitest';
import { proposeModelFile } from './propose.ts';
import { savedModel } from './saved-model.ts';

async function proposed(files: Readonly<Record<string, string>>) {
  const root = join(await mkdtemp(join(tmpdir(), 'tagboat-propose-')), 'prices');
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    await git(['init', '--quiet', root]);
    const { text, notes } = await proposeModelFile(root);
    return { spec: readModelFile(text, modelFileName)[0]!.spec, notes };
  } finally {
    await rm(dirname(root), { recursive: true, force: true });
  }
}

const notebook = (...sources: string[]) =>
  JSON.stringify({
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {},
    cells: sources.map((source) => ({
      cell_type: 'code',
      source,
      metadata: {},
      outputs: [],
      execution_count: null,
    })),
  });

it('takes the model from where the script saves it', async () => {
  const { spec, notes } = await proposed({
    'requirements.txt': '',
    'train.py': 'import joblib\njoblib.dump(model, "model.joblib")\n',
  });
  expect(spec.artifact.path).toBe('model.joblib');
  expect(spec.train?.steps).toMatchObject([{ script: 'train.py' }]);
  expect(spec.serve?.format).toBe('sklearn');
  expect(notes).toEqual([
    'nothing evaluates the model: add a script that writes metrics, and gates for them',
  ]);
});

it('takes the notebook that saves a model, and the name that the variable gives', async () => {
  const { spec } = await proposed({
    'requirements.txt': '',
    'notebooks/look.ipynb': notebook('print(1)'),
    'notebooks/fit.ipynb': notebook('import joblib', 'joblib.dump(m, "models/prices.joblib")'),
  });
  expect(spec.train?.steps).toMatchObject([{ notebook: 'notebooks/fit.ipynb' }]);
  expect(spec.artifact.path).toBe('models/prices.joblib');
  const given = await proposed({ 'train.py': 'import os\nsave(os.environ["TAGBOAT_MODEL"])\n' });
  expect(given.spec.artifact.path).toBe('models/prices.joblib');
});

it('asks for a predictor where none can read the model', async () => {
  const files = { 'train.py': 'torch.save(net.state_dict(), "net.pt")\n', 'requirements.txt': '' };
  const { spec, notes } = await proposed(files);
  expect(spec.artifact.path).toBe('net.pt');
  expect(spec.serve).toBeUndefined();
  expect(notes.join('\n')).toMatch(
    /nothing can serve net\.pt yet: write a class with load\(path\) and predict/,
  );
  const own = await proposed({
    ...files,
    'src/serve.py': 'class Net:\n    def predict(self, inputs):\n        return inputs\n',
  });
  expect(own.spec.serve?.predictor).toBe('src/serve.py:Net');
});

it.each([
  ['train.py', 'with open("out/model.pkl", "wb") as file:\n    pickle.dump(m, file)', 'out/model.pkl'],
  ['notebooks/a.ipynb', notebook('joblib.dump(m, "../models/a.joblib")'), 'models/a.joblib'],
  ['train.py', 'booster.save_model("m.ubj")', 'm.ubj'],
  ['train.py', 'json.dump(metrics, open("reports/metrics.json", "w"))', undefined],
  ['train.py', 'joblib.dump(m, "/srv/m.joblib")', undefined],
  ['train.py', 'joblib.dump(m, path)', undefined],
])('%s: %s', (file, text, path) => expect(savedModel(file, text)).toBe(path));

it('writes YAML whatever the files are called, with a name for each', async () => {
  const { spec } = await proposed({
    'my notebooks/fit: #1, {final}.ipynb': notebook('joblib.dump(m, "m.joblib")'),
    'data/a, b: c #1.csv': '1',
    'data/sales.csv': '1',
    'data/sales.json': '1',
    'data/old/sales.csv': '1',
    'data/.gitkeep': '',
    'src/it\'s "the" one.py': 'class P:\n    def predict(self, x):\n        return x\n',
  });
  expect(spec.train?.steps).toMatchObject([{ notebook: 'my notebooks/fit: #1, {final}.ipynb' }]);
  expect(spec.data.map(({ name, path }) => [name, path])).toEqual([
    ['a-b-c-1', 'data/a, b: c #1.csv'],
    ['sales', 'data/old/sales.csv'],
    ['sales-csv', 'data/sales.csv'],
    ['sales-json', 'data/sales.json'],
  ]);
  expect(spec.serve?.predictor).toBe('src/it\'s "the" one.py:P');
});
