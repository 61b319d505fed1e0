import {
  Alert,
  Button,
  ClipboardCopy,
  Form,
  FormGroup,
  FormSelect,
  FormSelectOption,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
} from '@patternfly/react-core';
import { useState } from 'react';
import { Equivalent, Loading } from '../../components/index.ts';
import { useAction } from '../../data/actions.ts';
import { client } from '../../data/client.ts';
import { queryClient, useJson } from '../../data/query.ts';

interface ShareLink {
  readonly name: string;
  readonly namespace: string;
  readonly expires: string;
  readonly url: string;
}

const choices = [1, 7, 30, 90];

export interface ShareDialogProps {
  readonly project: string;
  readonly model: string;
  readonly onClose: () => void;
}

/** Makes, shows and takes back the links that show this model to somebody without the owner's token. */
export function ShareDialog({ project, model, onClose }: ShareDialogProps) {
  const path = `/tagboat/shares?${new URLSearchParams({ namespace: project, model })}`;
  const links = useJson<{ items: ShareLink[] }>(path);
  const [days, setDays] = useState(7);
  const changed = () => queryClient.invalidateQueries({ queryKey: [path] });
  const make = useAction(async () => {
    await client.request('POST', '/tagboat/shares', { namespace: project, model, days });
    await changed();
  });
  const revoke = useAction(async (name: string) => {
    await client.request('DELETE', `/tagboat/shares/${project}/${name}`);
    await changed();
  });
  const error = make.error ?? revoke.error ?? links.error;
  return (
    <Modal isOpen onClose={onClose} variant="medium" aria-label={`Share ${model}`}>
      <ModalHeader
        title={`Share ${model}`}
        description="Whoever has a link sees this model's versions, gates, environments and traffic. They can change nothing, and see nothing else."
      />
      <ModalBody>
        {error && (
          <Alert isInline variant="danger" title="This did not work">
            {error.message}
          </Alert>
        )}
        <Form isHorizontal onSubmit={(event) => event.preventDefault()}>
          <FormGroup label="A new link for" fieldId="share-days">
            <div className="tb-row">
              <FormSelect
                id="share-days"
                className="tb-narrow"
                value={days}
                onChange={(_event, value) => setDays(Number(value))}
              >
                {choices.map((count) => (
                  <FormSelectOption
                    key={count}
                    value={count}
                    label={count === 1 ? '1 day' : `${count} days`}
                  />
                ))}
              </FormSelect>
              <Button isLoading={make.busy} isDisabled={make.busy} onClick={() => void make.run()}>
                Make a link
              </Button>
              <Equivalent text={`tagboat share ${model} --days ${days}`} />
            </div>
          </FormGroup>
        </Form>
        <div className="tb-stack tb-gap">
          {links.isPending && <Loading rows={2} />}
          {links.data?.items.length === 0 && <p className="tb-quiet">No link is open.</p>}
          {links.data?.items.map((link) => (
            <div key={link.name} className="tb-share">
              <ClipboardCopy isReadOnly hoverTip="Copy" clickTip="Copied" textAriaLabel={`Link ${link.name}`}>
                {link.url}
              </ClipboardCopy>
              <div className="tb-row tb-row--between">
                <span className="tb-quiet">
                  shows the model until {new Date(link.expires).toLocaleString()}
                </span>
                <span className="tb-row">
                  <Button variant="link" isDanger isInline onClick={() => void revoke.run(link.name)}>
                    Take it back
                  </Button>
                  <Equivalent text={`tagboat share ${model} --revoke ${link.name}`} />
                </span>
              </div>
            </div>
          ))}
        </div>
      </ModalBody>
      <ModalFooter>
        <Button variant="secondary" onClick={onClose}>
          Done
        </Button>
      </ModalFooter>
    </Modal>
  );
}
