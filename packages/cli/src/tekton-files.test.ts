import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readTektonFiles } from './tekton-files.ts';

const run = `apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: { generateName: r- }
spec: { pipelineSpec: { tasks: [{ name: work, taskRef: { name: work } }] } }
`;
const task = `apiVersion: tekton.dev/v1
kind: Task
metadata: { name: work }
spec: { steps: [{ image: busybox, script: "true" }] }
`;

/** A directory with a run in it, and its Task in a directory below. */
async function nested() {
  const directory = await mkdtempDisposable(join(tmpdir(), 'tekton-files-'));
  await mkdir(join(directory.path, 'tasks', 'empty'), { recursive: true });
  await mkdir(join(directory.path, 'docs'));
  await writeFile(join(directory.path, 'run.yaml'), run);
  await writeFile(join(directory.path, 'tasks', 'work.yml'), task);
  return directory;
}

it('reads the files of a directory, and names the directories with YAML that it does not read', async () => {
  await using directory = await nested();
  const files = await readTektonFiles(directory.path);
  expect(files.runs).toHaveLength(1);
  expect(files.objects).toEqual([]);
  expect(files.unread).toEqual(['tasks']);
});

it('reads directories below where that is asked for', async () => {
  await using directory = await nested();
  const files = await readTektonFiles(directory.path, { recursive: true });
  expect(files.objects.map(({ metadata }) => metadata.name)).toEqual(['work']);
  expect(files.unread).toEqual([]);
});

it('says where a file of a directory is wrong', async () => {
  await using directory = await nested();
  const file = join(directory.path, 'tasks', 'work.yml');
  await writeFile(file, task.replace('script', 'scrpt'));
  await expect(readTektonFiles(directory.path, { recursive: true })).rejects.toMatchObject({
    location: { file, line: 4 },
    message: expect.stringContaining('unknown field "scrpt"'),
  });
});
