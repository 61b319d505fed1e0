import { Button, Tooltip } from '@patternfly/react-core';
import SignOutAltIcon from '@patternfly/react-icons/dist/esm/icons/sign-out-alt-icon';
import { TagboatError } from '@tagboat/base';
import { useAction } from '../data/actions.ts';

/** Ends this browser's session; the link that `tagboat console` prints begins another. */
export function SignOut() {
  const end = useAction(async () => {
    // It answers with a redirect, which is for pages: here this page goes there itself.
    const { type, status } = await fetch('/sign-out', { method: 'POST', redirect: 'manual' });
    if (type !== 'opaqueredirect')
      throw new TagboatError(`signing out was answered with ${status}`, { reason: 'RequestFailed' });
    location.assign('/sign-in');
  });
  return (
    <Tooltip
      content={end.error?.message ?? 'Sign out; "tagboat console" prints the link that signs in again'}
    >
      <Button
        variant="plain"
        aria-label="Sign out"
        icon={<SignOutAltIcon />}
        isDisabled={end.busy}
        onClick={() => void end.run()}
      />
    </Tooltip>
  );
}
