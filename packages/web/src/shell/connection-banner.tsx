import { Banner, Button } from '@patternfly/react-core';
import { useSyncExternalStore } from 'react';
import { relativeTime } from '../components/time.tsx';
import { connection } from '../data/connection.ts';
import { useNow } from '../data/now.ts';

/** Says that what is shown may be old, as long as the platform cannot be reached. */
export function ConnectionBanner() {
  const { lost, since, said } = useSyncExternalStore(connection.subscribe, connection.current);
  return (
    <div role="status" aria-live="polite">
      {lost && <Lost since={since} said={said} />}
    </div>
  );
}

function Lost({ since, said }: { since: number; said: string | undefined }) {
  const now = useNow();
  return (
    <Banner status="warning" className="tb-lost">
      {said
        ? `Tagboat could not answer ${relativeTime(since, now)}: ${said}. `
        : `Connection to Tagboat lost ${relativeTime(since, now)}; what you see is from then. `}
      Trying again.{' '}
      <Button variant="link" isInline onClick={connection.retryNow}>
        Try now
      </Button>{' '}
      {!said && (
        <>
          Stopped? <code>tagboat up</code>
        </>
      )}
    </Banner>
  );
}
