import { TagboatError } from '@tagboat/base';
import { useState } from 'react';

export interface Action<Arguments extends unknown[]> {
  /** @returns whether it was done */
  readonly run: (...values: Arguments) => Promise<boolean>;
  readonly busy: boolean;
  readonly error?: TagboatError;
  readonly clear: () => void;
}

/** Something a button does: knows whether it is under way, and what went wrong. */
export function useAction<Arguments extends unknown[]>(
  act: (...values: Arguments) => Promise<unknown>,
): Action<Arguments> {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<TagboatError>();
  const run = async (...values: Arguments) => {
    setBusy(true);
    setError(undefined);
    try {
      await act(...values);
      return true;
    } catch (cause) {
      setError(asError(cause));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { run, busy, clear: () => setError(undefined), ...(error ? { error } : {}) };
}

export function asError(cause: unknown): TagboatError {
  return cause instanceof TagboatError
    ? cause
    : new TagboatError(cause instanceof Error ? cause.message : String(cause), { reason: 'Failed', cause });
}
