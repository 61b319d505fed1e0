import { TagboatError } from '@tagboat/base';
import { QueryClient, type UseQueryResult, useQuery } from '@tanstack/react-query';
import { fetchJson } from './client.ts';

/** Nothing is fetched again by itself: what changes is watched, and whoever acts invalidates what follows from it. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      refetchOnWindowFocus: false,
      retry: (count, error) =>
        count < 3 && (!(error instanceof TagboatError) || error.reason === 'Unavailable'),
    },
  },
});

/** The JSON of one of the platform's own endpoints, fetched once per mount and `staleTime`. `path` undefined: nothing yet. */
export function useJson<T>(path: string | undefined): UseQueryResult<T, TagboatError> {
  return useQuery<T, TagboatError>({
    queryKey: [path],
    queryFn: () => fetchJson<T>(path!),
    enabled: path !== undefined,
  });
}
