import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { givenWorkspace } from './workspace-option.ts';

it('takes a directory, also for a workspace that is called name', async () => {
  expect(await givenWorkspace('src', './a,b')).toEqual({ name: 'src', path: './a,b' });
  expect(await givenWorkspace('name', 'dir')).toEqual({ name: 'name', path: 'dir' });
});

it.each([
  ['w,emptyDir=', { emptyDir: {} }],
  ['w,emptyDir=Memory', { emptyDir: { medium: 'Memory' } }],
  ['w,claimName=c,subPath=a/b', { persistentVolumeClaim: { claimName: 'c' }, subPath: 'a/b' }],
  ['w,config=m', { configMap: { name: 'm' } }],
  ['w,secret=s', { secret: { secretName: 's' } }],
])('takes what tkn takes: name=%s', async (text, binding) => {
  expect(await givenWorkspace('name', text)).toEqual({ name: 'w', binding: { name: 'w', ...binding } });
});

it('takes a claim’s template from a file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-workspace-'));
  const file = join(directory, 'claim.yaml');
  await writeFile(
    file,
    'apiVersion: v1\nkind: PersistentVolumeClaim\nspec: { accessModes: [ReadWriteOnce] }\n',
  );
  expect(await givenWorkspace('name', `w,volumeClaimTemplateFile=${file}`)).toEqual({
    name: 'w',
    binding: { name: 'w', volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'] } } },
  });
  await rm(directory, { recursive: true });
});

it.each(['w,nothing=1', 'w,subPath=x', 'w,config=a,secret=b', 'w,'])('refuses name=%s', async (text) => {
  await expect(givenWorkspace('name', text)).rejects.toThrow('expected one of emptyDir=');
});
