import { ClipboardCopy, ClipboardCopyVariant, Tooltip } from '@patternfly/react-core';
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

/** The same as a button does, as a command: small, beside it, copied with a click. */
export function Equivalent({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <Tooltip content={copied ? 'Copied' : 'The same as a command; click to copy'}>
      <button
        type="button"
        className="tb-equivalent"
        onClick={() => void copy()}
        aria-label={`Copy the command: ${text}`}
      >
        <code>{text}</code>
        {copied ? <CheckIcon /> : <CopyIcon />}
      </button>
    </Tooltip>
  );
}
