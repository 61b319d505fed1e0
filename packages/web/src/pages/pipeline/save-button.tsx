import {
  Alert,
  Button,
  FormGroup,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from '@patternfly/react-core';
import { useEffect, useState } from 'react';
import { Equivalent } from '../../components/index.ts';
import { useAction } from '../../data/actions.ts';
import { problemsOf } from '../../pipeline-yaml/problems.ts';
import { type FileAddress, type RepositoryFile, saveFile } from './use-file.ts';

export interface SaveButtonProps {
  readonly address: FileAddress;
  readonly file: RepositoryFile;
  readonly text: string;
  readonly saved: () => void;
  readonly discard: () => void;
}

/** Saves by a commit, after saying what it will be. */
export function SaveButton({ address, file, text, saved, discard }: SaveButtonProps) {
  const [asking, setAsking] = useState(false);
  const [done, setDone] = useState<string>();
  const standard = `${file.sha ? 'Change' : 'Add'} ${address.path}`;
  const [message, setMessage] = useState(standard);
  const dirty = text !== file.text || file.sha === undefined;
  useWarning(dirty && file.sha !== undefined);
  const save = useAction(async () => {
    setDone(await saveFile(address, { text, sha: file.sha }, message.trim() || standard));
    saved();
  });
  const close = () => {
    setAsking(false);
    setDone(undefined);
    save.clear();
  };
  const errors = address.path.endsWith('tagboat.yaml')
    ? []
    : problemsOf(text).filter(({ severity }) => severity === 'error');
  const command = `git add ${address.path} && git commit -m "${message.replaceAll('"', '\\"')}" && git push`;
  return (
    <span className="tb-action">
      {done && !asking && <span className="tb-quiet">Saved as {done.slice(0, 10)}</span>}
      {dirty && file.sha !== undefined && (
        <Button variant="link" onClick={discard}>
          Discard
        </Button>
      )}
      <Button variant="primary" isDisabled={!dirty} onClick={() => setAsking(true)}>
        Save
      </Button>
      <Modal isOpen={asking} onClose={close} variant="small" aria-label="Save by a commit">
        <ModalHeader title={done ? 'Saved' : 'Save by a commit'} />
        <ModalBody>
          {done ? (
            <p>
              Commit <code>{done.slice(0, 10)}</code> of {address.project}/{address.repository} has the
              change. A check run looks at it.
            </p>
          ) : (
            <>
              <p>
                Makes one commit on the default branch of {address.project}/{address.repository} that changes{' '}
                <code>{address.path}</code> and nothing else.
              </p>
              {errors.length > 0 && (
                <Alert
                  isInline
                  variant="warning"
                  className="tb-gap"
                  title={`${errors.length} of its lines have errors`}
                >
                  {errors[0]!.message}
                </Alert>
              )}
              <FormGroup label="Message" fieldId="message" className="tb-gap">
                <TextInput id="message" value={message} onChange={(_event, next) => setMessage(next)} />
              </FormGroup>
              {save.error && (
                <Alert isInline variant="danger" title="It was not saved" className="tb-gap">
                  {save.error.message}
                </Alert>
              )}
              <div className="tb-gap">
                The same with git: <Equivalent text={command} />
              </div>
            </>
          )}
        </ModalBody>
        <ModalFooter>
          {done ? (
            <Button variant="primary" onClick={close}>
              Close
            </Button>
          ) : (
            <>
              <Button
                variant="primary"
                isLoading={save.busy}
                isDisabled={save.busy}
                onClick={() => void save.run()}
              >
                Commit
              </Button>
              <Button variant="link" onClick={close}>
                Go on editing
              </Button>
            </>
          )}
        </ModalFooter>
      </Modal>
    </span>
  );
}

/** The browser asks before what is not saved is lost. */
function useWarning(dirty: boolean): void {
  useEffect(() => {
    if (!dirty) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [dirty]);
}
