import type { Commit } from '@tagboat/git-client';
import { readModelFile } from '@tagboat/render';
import { expect, it } from 'vitest';
import { checkDeclaredFiles } from './declared-files.ts';

const model = readModelFile(`apiVersion: tagboat.dev/v1alpha1
kind: Model
metadata: { name: prices }
spec:
  context: ml
  data: [{ name: sales, path: data/raw }, { name: live, path: x.csv, url: "https://h/x" }]
  train: { steps: [{ script: prepare.py }, { notebook: fit.ipynb }] }
  artifact: { path: m.joblib }
  evaluate: { script: evaluate.py, metrics: m.json }
  serve: { predictor: "predict.py:Prices" }
`)[0]!;

const all = {
  'ml/data/raw/1.csv': '',
  'ml/prepare.py': '',
  'ml/fit.ipynb': '',
  'ml/evaluate.py': '',
  'ml/predict.py': 'class Prices:\n  pass\n',
};

function without(...left: string[]) {
  const files = Object.entries(all).filter(([path]) => !left.includes(path));
  return commitOf(Object.fromEntries(files));
}

const commitOf = (files: Record<string, string>) =>
  ({
    files: async () => Object.keys(files).map((path) => ({ path })),
    readText: async (path: string) => files[path],
  }) as unknown as Commit;

it('finds every file there that is named', async () => {
  await checkDeclaredFiles(commitOf(all), model);
});

it.each([
  ['ml/data/raw/1.csv', 'ml/data/raw', 'the path of data "sales"'],
  ['ml/fit.ipynb', 'ml/fit.ipynb', 'train.steps[1].notebook'],
  ['ml/evaluate.py', 'ml/evaluate.py', 'evaluate.script'],
  ['ml/predict.py', 'ml/predict.py', 'serve.predictor'],
])('names what is missing and by which key: %s', async (gone, named, key) => {
  await expect(checkDeclaredFiles(without(gone), model)).rejects.toMatchObject({
    message: `${named} is not in the repository at this commit`,
    hint: `commit the file, or correct ${key} in tagboat.yaml`,
  });
});

it('names the classes that there are where the predictor is none of them', async () => {
  const commit = commitOf({ ...all, 'ml/predict.py': 'class Price:\n  pass\n' });
  await expect(checkDeclaredFiles(commit, model)).rejects.toMatchObject({
    message: 'there is no class "Prices", which serve.predictor names',
    hint: 'there is Price',
  });
});
