import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';

const fields = ['text', 'state', 'model', 'kind', 'tag', 'by', 'project'] as const;
export type RunSearch = Readonly<Partial<Record<(typeof fields)[number], string>>>;

/** The filters, kept in the address so that a list can be bookmarked and sent. */
export function useRunSearch(): {
  search: RunSearch;
  /** undefined: no filter at all. */
  change: (next: RunSearch | undefined) => void;
} {
  const all = useSearch({ from: '/runs' });
  const navigate = useNavigate({ from: '/runs' });
  const search = useMemo(
    () =>
      Object.fromEntries(fields.flatMap((field) => (all[field] ? [[field, all[field]]] : []))) as RunSearch,
    [all],
  );
  const change = (next: RunSearch | undefined) => {
    const kept =
      next && Object.fromEntries(Object.entries({ ...search, ...next }).filter(([, value]) => value));
    void navigate({ search: kept ?? {}, replace: true });
  };
  return { search, change };
}
