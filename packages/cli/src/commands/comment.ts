import { type CommitComment, kinds } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import { until } from '@tagboat/client';
import { git } from '@tagboat/git-client';
import { defineCommand } from 'citty';
import { outputOption, tell } from '../output.ts';
import { placeOf, post, repositoryOption } from '../place.ts';

export default defineCommand({
  meta: {
    name: 'comment',
    description:
      'Says something of a commit that was pushed: "/test [NAME]", "/retest [NAME]" or "/cancel [NAME]" is a command, for the default branch or the one in branch:NAME or tag:NAME',
  },
  args: {
    text: { type: 'positional', required: true },
    commit: { type: 'string', description: 'the commit, branch or tag; default: HEAD of this directory' },
    ...repositoryOption,
    ...outputOption,
  },
  async run({ args }) {
    const place = await placeOf(args.repository);
    const commit = args.commit ?? (await headHere());
    const { id } = await post<{ id: string }>(place, `/commits/${encodeURIComponent(commit)}/comments`, {
      body: args.text,
    });
    const { status } = await until<CommitComment>(
      place.client,
      {
        type: kinds.CommitComment,
        namespace: place.project,
        what: 'somebody to read the comment',
        timeout: 30_000,
        hint: 'see: tagboat status',
      },
      ({ metadata, status: found }) => metadata.name === id && found?.handledAt !== undefined,
    );
    const { pipelineRuns: runs = [], reason } = status ?? {};
    tell(
      args.output,
      { id, runs, ...(reason ? { reason } : {}) },
      runs.length > 0 ? runs.map((run) => `${place.project}/${run}`) : (reason ?? 'commented'),
    );
  },
});

async function headHere(): Promise<string> {
  const { stdout } = await git(['rev-parse', 'HEAD']).catch(() => {
    throw invalid('which commit?', { hint: 'say it with --commit, or go into a clone of the repository' });
  });
  return stdout.toString('utf8').trim();
}
