import { describe, expect, it } from 'vitest';
import { readAicoe } from './aicoe.ts';

describe('readAicoe', () => {
  it('takes what is seen in the wild, with warnings for unknown keys', () => {
    const text =
      'check: null\nchecks: []\nbuild:\n  build-stratergy: Source\n  custom_tag: "1"\ndeploy: { image-name: x }\nodd: 1\n';
    expect(readAicoe(text, '.aicoe-ci.yaml')).toMatchObject({
      build: { strategy: 'Source', customTag: '1' },
      deploy: { imageName: 'x' },
      warnings: ['.aicoe-ci.yaml:7: unknown key "odd"'],
    });
    expect(readAicoe('check: []', 'f').checks).toEqual([]);
  });
});
