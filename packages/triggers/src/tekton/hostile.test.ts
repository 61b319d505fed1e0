import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Commit, commitFiles, git } from '@tagboat/git-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TriggerEvent } from '../trigger-event.ts';
import { on, pull, push } from './events.testing.ts';
import { matchesComment, matchesEvent } from './matching.ts';
import { runsForTekton } from './plan-tekton.ts';

const run = (spec: string, more = '') =>
  `apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata:\n  name: ci\n  annotations:\n    pipelinesascode.tekton.dev/on-event: "[push, pull_request]"\n    pipelinesascode.tekton.dev/on-target-branch: "[main]"\n${more}spec: ${spec}\n`;
const empty = '{ pipelineSpec: { tasks: [] } }';
const annotation = (name: string, value: string) => `    pipelinesascode.tekton.dev/${name}: "${value}"\n`;

describe('what a stranger may write into .tekton', () => {
  let directory: string;
  let url: string;
  let asked: string[];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tagboat-hostile-'));
    url = join(directory, 'r.git');
    asked = [];
    await git(['init', '--quiet', '--bare', url]);
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function plan(content: Record<string, string>, event: TriggerEvent) {
    const { commit } = await commitFiles({
      url,
      branch: 'main',
      message: 'm',
      change: async (tree) => {
        for (const [path, text] of Object.entries(content)) await tree.write(path, text);
      },
    });
    return planAt(commit, event);
  }
  const planAt = async (commit: string, event: TriggerEvent) =>
    runsForTekton(event, await Commit.at(url, commit), {
      inProject: async () => false,
      builtIn: () => undefined,
      fetchText: async (from) => {
        asked.push(from);
        return '';
      },
    });
  const untrusted = pull({ untrusted: true });

  it('more files, larger files and more of them than anybody needs are refused by their numbers', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 1000 }, (_, index) => [`.tekton/${index}.yaml`, run(empty)]),
    );
    await expect(plan(many, untrusted)).rejects.toThrow(/at most 500 files in .tekton, found 1000/);
    await git(['update-ref', '-d', 'refs/heads/main'], { cwd: url });
    const large = `# ${'x'.repeat(10 * 2 ** 20)}\n${run(empty)}`;
    await expect(plan({ '.tekton/a.yaml': large }, untrusted)).rejects.toThrow(
      /at most 1048576 bytes, found 104/,
    );
    await git(['update-ref', '-d', 'refs/heads/main'], { cwd: url });
    const some = Object.fromEntries(
      Array.from({ length: 10 }, (_, index) => [
        `.tekton/${index}.yaml`,
        `# ${'x'.repeat(900_000)}\n${run(empty)}`,
      ]),
    );
    await expect(plan(some, untrusted)).rejects.toThrow(/at most 8388608 bytes in .tekton/);
  });

  it.each([
    [
      'aliases of aliases',
      `${Array.from(
        { length: 30 },
        (_, index) =>
          `a${index}: &a${index} [${
            index === 0
              ? 'x'
              : Array(10)
                  .fill(`*a${index - 1}`)
                  .join(', ')
          }]`,
      ).join('\n')}\n`,
    ],
    ['lists in lists', `a: ${'['.repeat(20_000)}${']'.repeat(20_000)}\n`],
    ['keys without end', 'a: {'.repeat(5000)],
  ])('%s are refused where they stand', async (_what, text) => {
    await expect(plan({ '.tekton/bomb.yaml': text }, untrusted)).rejects.toMatchObject({
      reason: 'Invalid',
      location: { file: '.tekton/bomb.yaml' },
    });
  });

  it('a URL of a stranger is never asked, wherever it stands', async () => {
    const urls = [
      'http://169.254.169.254/latest/meta-data',
      'http://127.0.0.1:8080/api',
      'http://[::1]/',
      'https://x/t.yaml',
    ];
    for (const from of urls) {
      const named = { '.tekton/a.yaml': run(empty, annotation('task', `[${from}]`)) };
      await expect(plan(named, untrusted)).rejects.toThrow(/may only use files of its own/);
      const piped = { '.tekton/a.yaml': run('{ pipelineRef: { name: p } }', annotation('pipeline', from)) };
      await expect(plan(piped, untrusted)).rejects.toThrow(/may only use files of its own/);
    }
    const local = {
      '.tekton/a.yaml': run('{ pipelineRef: { name: p } }', annotation('pipeline', 'lib/p.yaml')),
      'lib/p.yaml': `apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: { name: p, annotations: { pipelinesascode.tekton.dev/task: "http://127.0.0.1/t" } }\nspec: { tasks: [] }\n`,
    };
    await expect(plan(local, untrusted)).rejects.toThrow(/may only use files of its own/);
    const resolver = {
      '.tekton/a.yaml': run(
        '{ pipelineRef: { resolver: http, params: [{ name: url, value: "http://127.0.0.1/" }] } }',
      ),
    };
    await expect(plan(resolver, untrusted)).rejects.toThrow(/may not use a resolver/);
    expect(asked).toEqual([]);
  });

  it('nothing of what the platform reads of runs is theirs to say', async () => {
    for (const kind of ['labels', 'annotations']) {
      const text = run(empty).replace(
        '  annotations:\n',
        `  ${kind}: { tagboat.dev/model: prices }\n  annotations:\n`,
      );
      const own = kind === 'labels' ? text : run(empty, '    tagboat.dev/contexts: "{}"\n');
      await expect(plan({ '.tekton/a.yaml': own }, untrusted)).rejects.toThrow(
        new RegExp(`may not use labels of the platform \\(metadata.${kind}.tagboat.dev`),
      );
      expect((await plan({ '.tekton/a.yaml': own, x: kind }, pull())).runs).toHaveLength(1);
    }
  });

  it('links and paths lead to nothing outside the commit', async () => {
    const { commit: first } = await commitFiles({
      url,
      branch: 'main',
      message: 'm',
      change: (tree) =>
        tree.write('.tekton/a.yaml', run(empty, annotation('task', '../../../../etc/hostname'))),
    });
    await expect(planAt(first, untrusted)).rejects.toThrow(
      /no file "..\/..\/..\/..\/etc\/hostname" at this commit/,
    );
    const write = async (args: string[], stdin: string) =>
      (await git(args, { cwd: url, stdin })).stdout.toString().trim();
    const file = await write(['hash-object', '-w', '--stdin'], run(empty));
    const link = await write(['hash-object', '-w', '--stdin'], '/etc/passwd');
    const inner = await write(['mktree'], `100644 blob ${file}\ta.yaml\n120000 blob ${link}\tb.yaml\n`);
    const tree = await write(['mktree'], `040000 tree ${inner}\t.tekton\n`);
    const commit = await write(['commit-tree', tree, '-m', 'm'], '');
    expect((await planAt(commit, untrusted)).runs).toHaveLength(1);
  });

  it('names of branches and titles stay the text of one value', async () => {
    const nasty = '$(touch /tmp/x)`id`"; rm -rf / #\n- evil: true';
    const event = push(`refs/heads/main`, { message: nasty });
    const task =
      '{ pipelineSpec: { tasks: [{ name: a, taskSpec: { steps: [{ name: s, image: bash, env: [{ name: T, value: "{{ body.head_commit.message }}" }] }] } }] } }';
    const { runs } = await plan({ '.tekton/a.yaml': run(task) }, event);
    const [step] = runs[0]?.spec?.pipelineSpec?.tasks[0]?.taskSpec?.steps ?? [];
    expect(step).toEqual({ name: 's', image: 'bash', env: [{ name: 'T', value: nasty }] });
  });
});

it.each([
  'files.all.all(a, files.all.all(b, files.all.all(c, files.all.all(d, a + b + c + d != ""))))',
  'event_title.matches("(a+)+b")',
])('the expression %s ends', (expression) => {
  const all = Array.from({ length: 400 }, (_, index) => `f${index}`);
  const event = push('refs/heads/main', {
    message: 'a'.repeat(40),
    files: { all, added: all, deleted: [], modified: [], renamed: [] },
  });
  expect(() => matchesEvent(on({ 'on-cel-expression': expression }), event)).toThrow(
    /took longer than 250 ms/,
  );
});

it('a pattern for comments that explodes ends', () => {
  expect(() => matchesComment(on({ 'on-comment': '^(a+)+$' }), `${'a'.repeat(40)}b`)).toThrow(
    /took longer than/,
  );
});
