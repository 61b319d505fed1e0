import {
  Alert,
  Button,
  type ButtonProps,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
} from '@patternfly/react-core';
import { type ReactNode, useState } from 'react';
import { useAction } from '../data/actions.ts';
import { Equivalent } from './command.tsx';

export interface ActionButtonProps {
  readonly label: string;
  /** The same as a command line or git command. */
  readonly command?: string;
  readonly act: () => Promise<unknown>;
  readonly variant?: ButtonProps['variant'];
  readonly icon?: ReactNode;
  readonly isDisabled?: boolean;
  /** Asks before acting, saying exactly what will happen. */
  readonly confirm?: { readonly title: string; readonly body: ReactNode; readonly danger?: boolean };
}

/** A button that does something on the platform: shows the command that does the same, that it is under way, and what went wrong. */
export function ActionButton(props: ActionButtonProps) {
  const { label, command, act, confirm, variant = 'secondary', icon, isDisabled } = props;
  const [asking, setAsking] = useState(false);
  const action = useAction(act);
  const close = () => {
    setAsking(false);
    action.clear();
  };
  const go = async () => {
    if (await action.run()) close();
    else setAsking(true);
  };
  return (
    <span className="tb-action">
      <Button
        variant={variant}
        {...(icon ? { icon } : {})}
        isLoading={action.busy}
        isDisabled={Boolean(isDisabled) || action.busy}
        onClick={() => (confirm ? setAsking(true) : void go())}
      >
        {label}
      </Button>
      {command && <Equivalent text={command} />}
      <Modal isOpen={asking} onClose={close} variant="small" aria-label={confirm?.title ?? label}>
        <ModalHeader
          title={confirm?.title ?? `${label} did not work`}
          {...(confirm?.danger ? { titleIconVariant: 'warning' as const } : {})}
        />
        <ModalBody>
          {confirm?.body}
          {action.error && (
            <Alert isInline variant="danger" title="This did not work" className="tb-gap">
              {action.error.message}
            </Alert>
          )}
          {command && (
            <div className="tb-gap">
              The same as a command: <Equivalent text={command} />
            </div>
          )}
        </ModalBody>
        <ModalFooter>
          <Button
            variant={confirm?.danger ? 'danger' : 'primary'}
            isLoading={action.busy}
            isDisabled={action.busy}
            onClick={() => void go()}
          >
            {confirm ? label : 'Try again'}
          </Button>
          <Button variant="link" onClick={close}>
            {confirm ? 'Leave it as it is' : 'Close'}
          </Button>
        </ModalFooter>
      </Modal>
    </span>
  );
}
