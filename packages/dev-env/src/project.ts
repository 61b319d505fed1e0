import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { git } from '@tagboat/git-client';

/** A model that needs no packages: a script "trains" it in milliseconds. */
export const tinyProject: Readonly<Record<string, string>> = {
  'README.md': '# tiny\n',
  'helper.py': 'VALUE = 42\n',
  'train.py': `import json, os
from helper import VALUE
json.dump({"mean": VALUE}, open(os.environ["TAGBOAT_MODEL"], "w"))
print("trained")
`,
  'evaluate.py': `import json, os
model = json.load(open(os.environ["TAGBOAT_MODEL"]))
json.dump({"score": model["mean"] / 50}, open(os.environ["TAGBOAT_METRICS"], "w"))
`,
  'predict.py': `import json

class Tiny:
    def __init__(self, model):
        self.model = model

    @classmethod
    def load(cls, path):
        with open(path) as file:
            return cls(json.load(file))

    def predict(self, inputs):
        return {"mean": self.model["mean"], "inputs": inputs}
`,
  'tagboat.yaml': `apiVersion: tagboat.dev/v1alpha1
kind: Model
metadata:
  name: tiny
spec:
  train:
    script: train.py
  artifact:
    path: models/model.json
  evaluate:
    script: evaluate.py
    metrics: reports/metrics.json
    gates:
      - { metric: score, min: 0.5, direction: maximize, notWorseThanDeployedBy: 0.1 }
  serve:
    predictor: predict.py:Tiny
  deploy:
    - environment: staging
    - environment: production
      via: promotion
`,
};

/** A working copy of a repository whose files tests change, commit, tag and push. */
export class WorkingCopy implements AsyncDisposable {
  readonly directory: string;
  readonly #url: () => Promise<string>;

  private constructor(directory: string, url: () => Promise<string>) {
    this.directory = directory;
    this.#url = url;
  }

  /** @param url of the remote, asked for at each push */
  static async create(
    url: () => Promise<string>,
    files: Readonly<Record<string, string>>,
  ): Promise<WorkingCopy> {
    const copy = new WorkingCopy(await mkdtemp(join(tmpdir(), 'tagboat-copy-')), url);
    await copy.git('init', '--quiet', '--initial-branch=main');
    await copy.write(files);
    return copy;
  }

  async git(...args: string[]): Promise<string> {
    return (await git(args, { cwd: this.directory })).stdout.toString('utf8').trim();
  }

  async write(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      const file = join(this.directory, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
    }
  }

  /** Commits everything. @returns the commit */
  async commit(message: string): Promise<string> {
    await this.git('add', '--all');
    await this.git('commit', '--quiet', '--allow-empty', '-m', message);
    return this.git('rev-parse', 'HEAD');
  }

  /** Commits the changes, tags, and pushes the tag alone, so that no check run follows. */
  async ship(tag: string, files: Readonly<Record<string, string | Uint8Array>> = {}): Promise<string> {
    await this.write(files);
    const commit = await this.commit(tag);
    await this.git('tag', '--force', tag);
    await this.push(`refs/tags/${tag}`);
    return commit;
  }

  async push(...refs: string[]): Promise<void> {
    await this.git('push', '--quiet', '--force', await this.#url(), ...refs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}
