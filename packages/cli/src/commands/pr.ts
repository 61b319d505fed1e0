import { kinds, type PullRequest, type Repository } from '@tagboat/api';
import { invalid, notFound, TagboatError } from '@tagboat/base';
import { until } from '@tagboat/client';
import { git } from '@tagboat/git-client';
import { runCommand } from '@tagboat/process';
import { defineCommand } from 'citty';
import { ago, outputOption, say, show, tell } from '../output.ts';
import { type Place, placeOf, post, repositoryOption } from '../place.ts';
import { currentRepository } from '../session.ts';

const numberArgument = {
  number: { type: 'positional', required: true, description: 'of the pull request' },
} as const;

async function pullOf({ client, project, name }: Place, number: string): Promise<PullRequest> {
  const found = await client.get<PullRequest>({
    type: kinds.PullRequest,
    namespace: project,
    name: `${name}-${number}`,
  });
  if (!found) throw notFound(`${project}/${name} has no pull request ${number}`);
  return found;
}

function stateOf({ spec, status }: PullRequest): string {
  if (status?.mergedAt) return 'merged';
  return spec?.state === 'merged' ? 'to be merged' : (spec?.state ?? '');
}

function checksOf({ status }: PullRequest): string {
  const checks = status?.checks ?? [];
  if (checks.length === 0) return '';
  const count = (...states: string[]) => checks.filter(({ state }) => states.includes(state)).length;
  const parts = [
    [count('failure', 'error'), 'failed'],
    [count('pending'), 'pending'],
    [count('success', 'warning'), 'passed'],
  ] as const;
  return parts.flatMap(([number, word]) => (number > 0 ? [`${number} ${word}`] : [])).join(', ');
}

const list = defineCommand({
  meta: { name: 'list', description: 'The open pull requests of a repository' },
  args: {
    ...repositoryOption,
    ...outputOption,
    all: { type: 'boolean', description: 'also those that are merged or closed' },
  },
  async run({ args }) {
    const place = await placeOf(args.repository);
    const { items } = await place.client.list<PullRequest>(kinds.PullRequest, { namespace: place.project });
    const pulls = items
      .filter(({ spec }) => spec?.repository === place.name)
      .filter((pull) => args.all || ['open', 'to be merged'].includes(stateOf(pull)))
      .sort((a, b) => (b.spec?.number ?? 0) - (a.spec?.number ?? 0));
    show(
      pulls.map((pull) => ({
        number: pull.spec!.number,
        title: pull.spec!.title,
        into: pull.spec!.targetBranch,
        author: pull.spec!.author ?? '',
        state: stateOf(pull),
        checks: checksOf(pull),
        age: args.output === 'json' ? pull.metadata.creationTimestamp : ago(pull.metadata.creationTimestamp),
      })),
      {
        output: args.output,
        columns: ['number', 'title', 'into', 'author', 'state', 'checks', 'age'],
        empty: 'no pull request is open; open one with: git push tagboat HEAD:refs/for/main',
      },
    );
  },
});

const describe = defineCommand({
  meta: { name: 'show', description: 'What a pull request changes, its checks, metrics and comments' },
  args: { ...numberArgument, ...repositoryOption, ...outputOption },
  async run({ args }) {
    const place = await placeOf(args.repository);
    const pull = await pullOf(place, args.number);
    if (args.output === 'json') return say(JSON.stringify(pull, null, 2));
    const { spec, status } = pull;
    say(`#${spec!.number} ${spec!.title}`);
    const from = spec!.sourceRef.replace(/^refs\/heads\//, '');
    say(`${stateOf(pull)}: ${from} into ${spec!.targetBranch}, by ${spec!.author ?? 'somebody'}`);
    for (const condition of status?.conditions ?? [])
      if (condition.status === 'False' && condition.message && !status?.mergedAt)
        say(`${condition.type === 'Merged' ? 'not merged' : 'cannot be merged'}: ${condition.message}`);
    if (spec!.description) say(`\n${spec!.description}`);
    const files = (await (
      await place.client.request('GET', `${place.api}/pulls/${args.number}/files?limit=1000`)
    ).json()) as { filename: string; additions: number; deletions: number }[];
    say('');
    for (const file of files) say(`  ${file.filename}  +${file.additions} -${file.deletions}`);
    showChecks(pull);
    for (const comment of (spec!.comments ?? []).filter(({ body, review }) => body || review))
      say(
        `\n${comment.author}, ${ago(comment.createdAt)}${comment.review ? ` (${comment.review})` : ''}${comment.body ? `:\n  ${comment.body.replaceAll('\n', '\n  ')}` : ''}`,
      );
    return undefined;
  },
});

function showChecks({ spec, status }: PullRequest): void {
  for (const check of status?.checks ?? [])
    say(`  ${check.state.padEnd(8)} ${check.context}  ${check.description ?? ''}`);
  const metrics = status?.metrics ?? [];
  if (metrics.length === 0) return;
  say('');
  show(
    metrics.map(({ model, metric, value, target }) => ({
      model,
      metric,
      'this change': value,
      [spec!.targetBranch]: target ?? 'not trained',
    })),
    { columns: ['model', 'metric', 'this change', spec!.targetBranch] },
  );
}

const create = defineCommand({
  meta: { name: 'create', description: 'Proposes the current branch for another' },
  args: {
    ...repositoryOption,
    into: { type: 'string', description: 'the branch; default: the default branch' },
    title: { type: 'string', alias: 't' },
    body: { type: 'string', alias: 'b' },
    ...outputOption,
  },
  async run({ args }) {
    const place = await placeOf(args.repository);
    const here = await currentRepository(place.client);
    if (!here || here.name !== place.name || here.project !== place.project)
      throw invalid('the change is pushed from a clone of the repository', { hint: 'go into one' });
    const repository = await place.client.get<Repository>({
      type: kinds.Repository,
      namespace: place.project,
      name: place.name,
    });
    const into = args.into ?? repository?.status?.defaultBranch ?? 'main';
    const options = [
      ...(args.title ? ['-o', `title=${args.title.replaceAll('\n', ' ')}`] : []),
      ...(args.body ? ['-o', `description=${args.body.replaceAll('\n', ' ')}`] : []),
    ];
    // The user's own git, with its hooks: those of Git LFS upload what the change needs.
    const { code } = await runCommand('git', ['push', ...options, here.remote, `HEAD:refs/for/${into}`], {
      onOutput: (_stream, data) => process.stderr.write(data),
    });
    if (code !== 0) throw new TagboatError('git push was refused; see above', { reason: 'GitFailed' });
    if (args.output === 'json') tell('json', await pullOfHead(place, into), []);
  },
});

/** The pull request that the current commit was just proposed by. */
async function pullOfHead({ client, project, name }: Place, into: string): Promise<PullRequest> {
  const head = (await git(['rev-parse', 'HEAD'], {})).stdout.toString('utf8').trim();
  return until<PullRequest>(
    client,
    { type: kinds.PullRequest, namespace: project, what: `the pull request of ${head.slice(0, 10)}` },
    ({ spec, status }) =>
      spec?.repository === name && spec.targetBranch === into && status?.headCommit === head,
  );
}

const comment = defineCommand({
  meta: {
    name: 'comment',
    description: 'Says something; a line /test, /retest, /cancel or /ok-to-test is a command',
  },
  args: {
    ...numberArgument,
    text: { type: 'positional', required: true },
    ...repositoryOption,
    ...outputOption,
  },
  async run({ args }) {
    const place = await placeOf(args.repository);
    const made = await post(place, `/issues/${args.number}/comments`, { body: args.text });
    tell(args.output, made, `commented on #${args.number}`);
  },
});

const review = defineCommand({
  meta: { name: 'review', description: 'Approves a pull request, or asks for changes' },
  args: {
    ...numberArgument,
    text: { type: 'positional', required: false },
    ...repositoryOption,
    approve: { type: 'boolean' },
    'request-changes': { type: 'boolean' },
    ...outputOption,
  },
  async run({ args }) {
    if (args.approve === args['request-changes'])
      throw invalid('expected one of --approve and --request-changes');
    const place = await placeOf(args.repository);
    const event = args.approve ? 'APPROVED' : 'REQUEST_CHANGES';
    const made = await post(place, `/pulls/${args.number}/reviews`, { event, body: args.text ?? '' });
    tell(
      args.output,
      made,
      args.approve ? `approved #${args.number}` : `asked for changes in #${args.number}`,
    );
  },
});

const merge = defineCommand({
  meta: { name: 'merge', description: 'Merges a pull request when its checks have passed' },
  args: {
    ...numberArgument,
    ...repositoryOption,
    squash: { type: 'boolean', description: 'as one commit that holds the whole change' },
    rebase: { type: 'boolean', description: 'its commits one after another on top of the branch' },
    'fast-forward': { type: 'boolean', description: 'without a merge commit; the change must be on top' },
    message: { type: 'string', alias: 'm', description: "of the commit; default: the pull request's title" },
    ...outputOption,
  },
  async run({ args }) {
    const ways = [
      [args.squash, 'squash'],
      [args.rebase, 'rebase'],
      [args['fast-forward'], 'fast-forward-only'],
    ] as const;
    const [way, other] = ways.filter(([wanted]) => wanted);
    if (other) throw invalid('expected one of --squash, --rebase and --fast-forward');
    if (args.message && way && way[1] !== 'squash')
      throw invalid(`--message is for a commit of its own, which --${way[1]} does not make`);
    const place = await placeOf(args.repository);
    const pull = await pullOf(place, args.number);
    const answer = await post(place, `/pulls/${args.number}/merge`, {
      Do: way?.[1] ?? 'merge',
      ...(args.message ? { MergeTitleField: args.message } : {}),
      ...(pull.status?.headCommit ? { head_commit_id: pull.status.headCommit } : {}),
    });
    tell(
      args.output,
      answer,
      answer.merged
        ? `merged #${args.number} into ${pull.spec!.targetBranch}: ${String(answer.sha).slice(0, 10)}`
        : `#${args.number} is merged as soon as it can be: ${String(answer.message)}`,
    );
  },
});

const diff = defineCommand({
  meta: { name: 'diff', description: 'What a pull request changes, as git shows it' },
  args: { ...numberArgument, ...repositoryOption, ...outputOption },
  async run({ args }) {
    const place = await placeOf(args.repository);
    const response = await place.client.request('GET', `${place.api}/pulls/${args.number}.diff`);
    const text = await response.text();
    tell(args.output, { number: Number(args.number), diff: text }, text.replace(/\n$/, ''));
  },
});

const setState = (name: 'close' | 'reopen', state: 'closed' | 'open', description: string) =>
  defineCommand({
    meta: { name, description },
    args: { ...numberArgument, ...repositoryOption, ...outputOption },
    async run({ args }) {
      const place = await placeOf(args.repository);
      await place.client.request('PATCH', `${place.api}/pulls/${args.number}`, { state });
      tell(args.output, { number: Number(args.number), state }, `#${args.number} is ${state}`);
    },
  });
const close = setState('close', 'closed', 'Closes a pull request without merging it');
const reopen = setState('reopen', 'open', 'Opens a closed pull request again');

export default defineCommand({
  meta: {
    name: 'pr',
    description: 'Pull requests: list, show, diff, create, comment, review, merge, close, reopen',
  },
  subCommands: { list, show: describe, diff, create, comment, review, merge, close, reopen },
});
