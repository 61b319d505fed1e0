import { Button, Modal, ModalBody, ModalHeader } from '@patternfly/react-core';
import KeyboardIcon from '@patternfly/react-icons/dist/esm/icons/keyboard-icon';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { places } from './navigation.ts';

const typing = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));

/** Listens for the keys that work everywhere, and shows what they are. */
export function ShortcutHelp() {
  const [open, setOpen] = useState(false);
  const navigate = useNavigate();
  const afterG = useRef(0);
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
      const place = places.find(({ key }) => key === event.key);
      if (place && event.timeStamp - afterG.current < 1500) void navigate({ to: place.to });
      else if (event.key === '?') setOpen(true);
      else if (event.key === '/') {
        const field = document.querySelector<HTMLInputElement>('input[type=search], .tb-search input');
        if (!field) return;
        event.preventDefault();
        field.focus();
      }
      afterG.current = event.key === 'g' ? event.timeStamp : 0;
    };
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, [navigate]);
  return (
    <>
      <Button
        variant="plain"
        aria-label="Keyboard shortcuts"
        icon={<KeyboardIcon />}
        onClick={() => setOpen(true)}
      />
      <Modal isOpen={open} onClose={() => setOpen(false)} variant="small" aria-label="Keyboard shortcuts">
        <ModalHeader title="Keyboard" />
        <ModalBody>
          <dl className="tb-keys">
            {places.map(({ key, label }) => (
              <div key={key}>
                <dt>
                  <kbd>g</kbd> <kbd>{key}</kbd>
                </dt>
                <dd>{label}</dd>
              </div>
            ))}
            <div>
              <dt>
                <kbd>/</kbd>
              </dt>
              <dd>Search on this page</dd>
            </div>
            <div>
              <dt>
                <kbd>?</kbd>
              </dt>
              <dd>This help</dd>
            </div>
          </dl>
        </ModalBody>
      </Modal>
    </>
  );
}
