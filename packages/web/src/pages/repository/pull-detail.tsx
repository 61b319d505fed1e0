import { Alert, Button, Form, FormGroup, TextArea } from '@patternfly/react-core';
import type { PullRequest } from '@tagboat/api';
import { useState } from 'react';
import { ActionButton, Ago, Equivalent, Failed, Loading, Status, To } from '../../components/index.ts';
import { Markdown } from '../../content/markdown.tsx';
import { useAction } from '../../data/actions.ts';
import { client } from '../../data/client.ts';
import { type ChangedFile, gitApi } from '../../data/git.ts';
import { useJson } from '../../data/query.ts';
import { ChangedFiles } from './changed-files.tsx';
import { CheckSays } from './check-metrics.tsx';
import { useRepository } from './context.ts';
import { checkStates, pullStates } from './pulls.tsx';

/** One proposed change: what it is, what its checks say, what people say, and the merge. */
export function PullDetail({ pull }: { pull: PullRequest }) {
  const { repository, page, object } = useRepository();
  const { number, title, description, state, targetBranch, author, comments = [] } = pull.spec!;
  const { headCommit, mergeCommit } = pull.status ?? {};
  const api = `${gitApi(repository)}/pulls/${number}`;
  return (
    <div className="tb-stack">
      <section className="tb-panel tb-stack" aria-label="Proposed change">
        <div className="tb-row tb-row--between">
          <h2 className="tb-heading">
            <span className="tb-quiet">#{number}</span> {title}
          </h2>
          <Status status={pullStates[state]}>{state}</Status>
        </div>
        <p className="tb-quiet">
          {author} proposes it for {targetBranch}, <Ago at={pull.metadata.creationTimestamp} />
          {headCommit && (
            <>
              {' · '}
              <To page={page({ commit: headCommit })} className="tb-mono">
                {headCommit.slice(0, 10)}
              </To>
            </>
          )}
          {mergeCommit && (
            <>
              {' · merged as '}
              <To page={page({ commit: mergeCommit })} className="tb-mono">
                {mergeCommit.slice(0, 10)}
              </To>
            </>
          )}
        </p>
        {description && <Markdown text={description} />}
        <Checks pull={pull} project={repository.project} />
        {state === 'open' && (
          <div className="tb-row">
            <ActionButton
              label="Merge"
              variant="primary"
              isDisabled={object.spec?.url !== undefined || pull.status?.mergeable === false}
              command={`tagboat pr merge ${number}`}
              confirm={{
                title: `Merge #${number} into ${targetBranch}?`,
                body: `A merge commit is made on ${targetBranch} once the checks have passed. What the branch triggers then runs.`,
              }}
              act={() => client.request('POST', `${api}/merge`, { Do: 'merge' })}
            />
            <ActionButton
              label="Close"
              command={`tagboat pr close ${number}`}
              confirm={{
                title: `Close #${number} without merging?`,
                body: 'The change stays where it is and can be proposed again by a push.',
                danger: true,
              }}
              act={() => client.request('PATCH', api, { state: 'closed' })}
            />
          </div>
        )}
        {pull.status?.mergeable === false && state === 'open' && (
          <Alert isInline variant="warning" title="It does not merge cleanly">
            Rebase it on {targetBranch} and push it again.
          </Alert>
        )}
      </section>
      {comments.map((comment, index) => (
        <article
          className="tb-comment"
          key={`${comment.createdAt} ${index}`}
          aria-label={`Comment of ${comment.author}`}
        >
          <span className="tb-row">
            <strong>{comment.author}</strong>
            <span className="tb-quiet">
              <Ago at={comment.createdAt} />
            </span>
            {comment.review && (
              <Status status={comment.review === 'approved' ? 'succeeded' : 'warning'}>
                {comment.review === 'approved' ? 'approved' : 'changes requested'}
              </Status>
            )}
          </span>
          {comment.body && <Markdown text={comment.body} />}
        </article>
      ))}
      {state === 'open' && <Review api={api} number={number} />}
      <Files api={api} />
    </div>
  );
}

function Checks({ pull, project }: { pull: PullRequest; project: string }) {
  const checks = pull.status?.checks ?? [];
  if (checks.length === 0) return <p className="tb-quiet">No check has said anything yet.</p>;
  return (
    <ul className="tb-stack" aria-label="Checks">
      {checks.map(({ context, state, description, pipelineRun }) => (
        <li key={context} className="tb-check">
          <span className="tb-row">
            <Status status={checkStates[state] ?? 'unknown'}>{context}</Status>
            {pipelineRun && <To page={`/runs/${project}/${pipelineRun}`}>{pipelineRun}</To>}
          </span>
          <CheckSays description={description ?? ''} targetBranch={pull.spec!.targetBranch} />
        </li>
      ))}
    </ul>
  );
}

function Review({ api, number }: { api: string; number: number }) {
  const [body, setBody] = useState('');
  const send = useAction(async (event: 'APPROVED' | 'REQUEST_CHANGES' | 'COMMENT') => {
    await client.request('POST', `${api}/reviews`, { event, body });
    setBody('');
  });
  return (
    <Form className="tb-panel" aria-label="Review" onSubmit={(event) => event.preventDefault()}>
      <FormGroup label="Your review" fieldId="review">
        <TextArea
          id="review"
          rows={3}
          value={body}
          resizeOrientation="vertical"
          onChange={(_event, value) => setBody(value)}
        />
      </FormGroup>
      {send.error && (
        <Alert isInline variant="danger" title="This did not work">
          {send.error.message}
        </Alert>
      )}
      <div className="tb-row">
        <Button variant="primary" isDisabled={send.busy} onClick={() => void send.run('APPROVED')}>
          Approve
        </Button>
        <Button variant="secondary" isDisabled={send.busy} onClick={() => void send.run('REQUEST_CHANGES')}>
          Request changes
        </Button>
        <Button
          variant="link"
          isDisabled={send.busy || body.trim() === ''}
          onClick={() => void send.run('COMMENT')}
        >
          Only comment
        </Button>
        <Equivalent
          text={`tagboat pr review ${number} --approve${body.trim() ? ` '${body.trim().replaceAll("'", "'\\''")}'` : ''}`}
        />
      </div>
    </Form>
  );
}

function Files({ api }: { api: string }) {
  const { repository } = useRepository();
  const files = useJson<ChangedFile[]>(`${api}/files?limit=100`);
  if (files.error) return <Failed error={files.error} />;
  if (!files.data) return <Loading rows={3} />;
  return <ChangedFiles repository={repository} files={files.data} />;
}
