import {
  Bullseye,
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  Skeleton,
} from '@patternfly/react-core';
import ExclamationCircleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon';
import LockIcon from '@patternfly/react-icons/dist/esm/icons/lock-icon';
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon';
import type { TagboatError } from '@tagboat/base';
import { Link } from '@tanstack/react-router';
import type { ComponentType, ReactNode } from 'react';
import { SignIn } from './sign-in.tsx';

/** Grey bars in the place of what comes, so that nothing jumps. */
export function Loading({ rows = 6, label = 'Loading' }: { rows?: number; label?: string }) {
  return (
    <div className="tb-loading" role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index} height="1.6rem" width={`${90 - ((index * 17) % 45)}%`} />
      ))}
    </div>
  );
}

export interface EmptyProps {
  readonly title: string;
  readonly icon?: ComponentType;
  readonly children?: ReactNode;
  readonly actions?: ReactNode;
}

/** Nothing there, and how to have something there. */
export function Empty({ title, icon = SearchIcon, children, actions }: EmptyProps) {
  return (
    <EmptyState titleText={title} headingLevel="h2" icon={icon} variant="sm">
      {children && <EmptyStateBody>{children}</EmptyStateBody>}
      {actions && (
        <EmptyStateFooter>
          <EmptyStateActions>{actions}</EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}

/** What went wrong, in the platform's own words, and what to do. Knows who is not signed in and what is forbidden. */
export function Failed({ error, retry }: { error: TagboatError; retry?: () => void }) {
  if (error.reason === 'Unauthorized') return <SignIn />;
  if (error.reason === 'Forbidden')
    return (
      <Empty title="This is not yours to see" icon={LockIcon}>
        {error.message}. Ask the owner of this Tagboat for a share link, or open the console with the owner's
        link: <code>tagboat console</code>.
      </Empty>
    );
  if (error.reason === 'NotFound') return <NotFound what={error.message} />;
  return (
    <EmptyState
      titleText="This did not work"
      headingLevel="h2"
      icon={ExclamationCircleIcon}
      status="danger"
      variant="sm"
    >
      <EmptyStateBody>
        {error.message}
        {error.hint && <div className="tb-gap">{sentence(error.hint)}</div>}
      </EmptyStateBody>
      {retry && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button variant="primary" onClick={retry}>
              Try again
            </Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}

const sentence = (text: string) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;

export function NotFound({ what }: { what?: string }) {
  return (
    <Bullseye>
      <Empty
        title="There is nothing here"
        actions={
          <Link to="/" className="pf-v6-c-button pf-m-primary">
            Home
          </Link>
        }
      >
        {what ?? 'The address names nothing that exists, or nothing that exists any more.'}
      </Empty>
    </Bullseye>
  );
}

export interface LiveLike {
  readonly status: 'loading' | 'ready' | 'missing' | 'failed';
  readonly error?: TagboatError;
}

/** Shows the state of what is read from the platform until it is there: its first failure, else loading, else `children`. */
export function Gate({
  of,
  children,
  what,
  rows,
}: {
  of: readonly LiveLike[];
  children: () => ReactNode;
  /** What is missing, for people. */
  what?: string;
  rows?: number;
}) {
  const failed = of.find(({ status }) => status === 'failed');
  if (failed) return <Failed error={failed.error!} />;
  if (of.some(({ status }) => status === 'missing')) return <NotFound {...(what ? { what } : {})} />;
  if (of.some(({ status }) => status === 'loading')) return <Loading {...(rows ? { rows } : {})} />;
  return children();
}
