import { describe, expect, it } from 'vitest';
import { compareTags, matchesTag, nextTag, readModelFile, servedFiles, stepInputs } from './index.ts';

const head = 'apiVersion: tagboat.dev/v1alpha1\nkind: Model\nmetadata: { name: m }\nspec:\n';

describe('readModelFile', () => {
  it('fills in defaults', () => {
    const [model] = readModelFile(
      `${head}  train: { notebook: a.ipynb, parameters: { eps: 0.5 } }\n  artifact: { path: m.joblib }\n`,
    );
    expect(model?.spec).toMatchObject({
      tags: ['v*', '[0-9]*'],
      train: { steps: [{ notebook: 'a.ipynb', parameters: { eps: 0.5 } }], timeout: '1h' },
      deploy: [
        { environment: 'staging', via: 'commit' },
        { environment: 'production', via: 'promotion' },
      ],
    });
  });
  it.each([
    ['  trian: 1\n  artifact: { path: a }\n', /unknown key "trian"; did you mean "train"\?.*/s, 5],
    ['  artifact: { path: ../x }\n', /inside the repository/, 5],
    ['  tags: [v*]\n', /neither/, 5],
    ['  artifact: { path: a }\n  serve: { app: x }\n', /"app" is not supported yet/, 6],
    ['  artifact: { path: a }\n  train: { notebook: a, script: b }\n', /notebook and script/, 6],
  ])('says what is wrong and where: %s', (spec, message, line) => {
    try {
      readModelFile(head + spec);
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message).toMatch(message);
      expect((error as { location: { line: number } }).location.line).toBe(line);
    }
  });
  it('names what it does not act on', () => {
    const [model] = readModelFile(
      `${head}  artifact: { path: a }\n  monitor: { drift: {} }\n  retrain: { onDrift: true }\n`,
    );
    expect(model?.notices).toHaveLength(2);
  });
});

describe('tags and paths', () => {
  it('matches, orders and proposes tags', () => {
    expect(matchesTag('v0.0.5.3', ['v*'])).toBe(true);
    expect(matchesTag('backup-2021', ['v*', '[0-9]*'])).toBe(false);
    expect(matchesTag('flaky@v1.0', ['flaky@v*'])).toBe(true);
    expect(compareTags('v0.0.10', 'v0.0.9')).toBe(1);
    expect(compareTags('v1.0-rc1', 'v1.0')).toBe(-1);
    expect(compareTags('v1', 'backup')).toBeUndefined();
    expect(nextTag(['v0.0.9', 'v0.0.10', 'stray'])).toBe('v0.0.11');
    expect(nextTag([])).toBe('v0.1.0');
  });
  it('leaves out what changes nothing', () => {
    const files = ['README.md', 'src/a.py', 'tests/t.py', 'notebooks/n.ipynb', 'tagboat.yaml', 'data/x.gz'];
    expect(stepInputs(files, undefined)).toEqual(['src/a.py', 'notebooks/n.ipynb', 'data/x.gz']);
    expect(servedFiles(files, undefined)).toEqual(['src/a.py']);
    expect(stepInputs(files, ['src/'])).toEqual(['src/a.py']);
  });
});
