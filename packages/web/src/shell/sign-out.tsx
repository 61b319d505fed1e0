import { Button, Tooltip } from '@patternfly/react-core';
import SignOutAltIcon from '@patternfly/react-icons/dist/esm/icons/sign-out-alt-icon';
import { useAction } from '../data/actions.ts';
import { client } from '../data/client.ts';

/** Ends this browser's session; the link that `tagboat console` prints begins another. */
export function SignOut() {
  const end = useAction(async () => {
    await client.request('POST', '/sign-out');
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
