import { Button } from '@patternfly/react-core';
import { Command } from './command.tsx';

/** Shown where a session has ended while the console was open: opening any page again asks for the token. */
export function SignIn() {
  return (
    <section className="tb-sign-in">
      <img src="/favicon.svg" alt="" width="56" height="56" />
      <h1>You are signed out</h1>
      <p>
        This browser's session has ended. Sign in again with the link that Tagboat printed at its start; this
        prints it again:
      </p>
      <Command text="tagboat console" />
      <p>
        <Button variant="primary" onClick={() => location.reload()}>
          Sign in with the token
        </Button>
      </p>
    </section>
  );
}
