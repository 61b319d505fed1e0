import { Alert, Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import type { TagboatError } from '@tagboat/base';
import { useQuery } from '@tanstack/react-query';
import { Equivalent, Failed, Loading } from '../../components/index.ts';
import { DiffView, diffOf } from '../../content/diff-view.tsx';
import { Message } from '../../content/message.tsx';
import { useAction } from '../../data/actions.ts';
import type { RepositoryName } from '../../data/git.ts';
import { queryClient } from '../../data/query.ts';
import { makeCommit, type PlannedCommit } from './releases.ts';

export interface ReleaseDialogProps {
  readonly title: string;
  readonly verb: string;
  readonly command: string;
  readonly repository: RepositoryName;
  readonly environment: string;
  readonly plan: () => Promise<PlannedCommit>;
  readonly danger?: boolean;
  readonly onClose: () => void;
}

/** Shows the commit that a promotion or a rollback is, and makes it. */
export function ReleaseDialog(props: ReleaseDialogProps) {
  const { title, verb, command, repository, environment, plan, danger, onClose } = props;
  const planned = useQuery<PlannedCommit, TagboatError>({
    queryKey: ['plan', repository, environment, verb],
    queryFn: plan,
    gcTime: 0,
    staleTime: 0,
  });
  const commit = useAction(async () => {
    await makeCommit(repository, planned.data!);
    await queryClient.invalidateQueries({ queryKey: ['commits', repository] });
    onClose();
  });
  const nothing = planned.data?.files.length === 0;
  return (
    <Modal isOpen onClose={onClose} variant="large" aria-label={title}>
      <ModalHeader title={title} {...(danger ? { titleIconVariant: 'warning' as const } : {})} />
      <ModalBody>
        {planned.error ? (
          <Failed error={planned.error} />
        ) : planned.data ? (
          <Plan plan={planned.data} environment={environment} repository={repository} />
        ) : (
          <Loading />
        )}
      </ModalBody>
      <ModalFooter className="tb-release-foot">
        {commit.error && (
          <Alert isInline variant="danger" title="The commit was not made" className="tb-release-problem">
            {commit.error.message}
            {commit.error.reason === 'Conflict' &&
              '. Somebody has changed it meanwhile: close this, look at what is deployed now, and begin again.'}
          </Alert>
        )}
        <Button
          variant={danger ? 'danger' : 'primary'}
          isDisabled={!planned.data || nothing || commit.busy}
          isLoading={commit.busy}
          onClick={() => void commit.run()}
        >
          {verb}
        </Button>
        <Button variant="link" onClick={onClose}>
          Leave it as it is
        </Button>
        <Equivalent text={command} />
      </ModalFooter>
    </Modal>
  );
}

function Plan({
  plan,
  environment,
  repository,
}: {
  plan: PlannedCommit;
  environment: string;
  repository: RepositoryName;
}) {
  if (plan.files.length === 0)
    return (
      <Alert isInline variant="info" title={`${environment} runs ${plan.to} already`}>
        There is nothing to commit.
      </Alert>
    );
  return (
    <div className="tb-stack">
      <p>
        {environment} goes from <strong>{plan.from ?? 'nothing'}</strong> to{' '}
        <strong>{plan.to ?? 'nothing'}</strong> by this commit on <code>main</code> of{' '}
        <code>{`${repository.project}/${repository.name}`}</code>. New pods are ready before the old ones end.
      </p>
      <Message text={plan.message.trim()} />
      {plan.files.map(({ path, before, text }) => (
        <section key={path} aria-label={path}>
          <h3 className="tb-file-name">{path}</h3>
          <DiffView lines={diffOf(before, text ?? '')} language="yaml" label={`Changes of ${path}`} />
        </section>
      ))}
    </div>
  );
}
