import { Button, ClipboardCopy, ClipboardCopyVariant, Tooltip } from '@patternfly/react-core';
import CheckIcon from '@patternfly/react-icons/dist/esm/icons/check-icon';
import CopyIcon from '@patternfly/react-icons/dist/esm/icons/copy-icon';
import { useState } from 'react';

/** A command line to copy. */
export function Command({ text }: { text: string }) {
  return (
    <ClipboardCopy
      isReadOnly
      isCode
      variant={text.includes('\n') ? ClipboardCopyVariant.expansion : ClipboardCopyVariant.inline}
      hoverTip="Copy"
      clickTip="Copied"
      className="tb-command"
    >
      {text}
    </ClipboardCopy>
  );
}

/** So much of a command's end is always shown: what differs between like ones stands there. */
const endCharacters = 16;

/** The same as a button does, as a command: small, beside it, copied with a click. */
export function Equivalent({ text }: { text: string }) {
  const { copied, copy } = useCopy(text);
  return (
    <Tooltip content={copied ? 'Copied' : 'The same as a command; click to copy'}>
      <button
        type="button"
        className="tb-equivalent"
        onClick={() => void copy()}
        aria-label={`Copy the command: ${text}`}
      >
        <code>
          <span className="tb-equivalent__start">{text.slice(0, -endCharacters)}</span>
          <span>{text.slice(-endCharacters)}</span>
        </code>
        {copied ? <CheckIcon /> : <CopyIcon />}
      </button>
    </Tooltip>
  );
}

/** Copies a text that is shown elsewhere, as it stands. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const { copied, copy } = useCopy(text);
  return (
    <Button
      variant="secondary"
      size="sm"
      icon={copied ? <CheckIcon /> : <CopyIcon />}
      onClick={() => void copy()}
      aria-label={label}
    >
      {copied ? 'Copied' : 'Copy'}
    </Button>
  );
}

function useCopy(text: string) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return { copied, copy };
}
