/** A commit message, as it was written. */
export function Message({ text }: { text: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <pre className="tb-message" tabIndex={0} role="region" aria-label="Commit message">
      {text}
    </pre>
  );
}
