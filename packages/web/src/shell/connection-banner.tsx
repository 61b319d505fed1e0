import { Banner, Button } from '@patternfly/react-core';
import { useSyncExternalStore } from 'react';
import { relativeTime } from '../components/time.tsx';
import { connection } from '../data/connection.ts';
import { useNow } from '../data/now.ts';

/** Says that what is shown may be old, as long as the platform cannot be reached. */
export function ConnectionBanner() {
  const { lost, since } = useSyncExternalStore(connection.subscribe, connection.current);
  return (
    <div role="status" aria-live="polite">
      {lost && <Lost since={since} />}
    </div>
  );
}

function Lost({ since }: { since: number }) {
  const now = useNow();
  return (
    <Banner status="warning" className="tb-lost">
      Connection to Tagboat lost {relativeTime(since, now)}; what you see is from then. Trying again.{' '}
      <Button variant="link" isInline onClick={connection.retryNow}>
        Try now
      </Button>{' '}
      Stopped? <code>tagboat up</code>
    </Banner>
  );
}
