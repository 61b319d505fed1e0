import type { TagboatError } from '@tagboat/base';
import { useInfiniteQuery } from '@tanstack/react-query';
import { fetchJson } from '../../data/client.ts';
import type { Manifest } from './image-data.ts';

interface Manifests {
  readonly total: number;
  readonly items: readonly Manifest[];
}

/** The manifests of a repository, the newest first, as many pages as were asked for. */
export function useManifests(repository: string) {
  return useInfiniteQuery<Manifests, TagboatError, { pages: Manifests[] }, unknown[], number>({
    queryKey: ['manifests', repository],
    initialPageParam: 0,
    queryFn: ({ pageParam }) =>
      fetchJson<Manifests>(`/tagboat/images?${new URLSearchParams({ repository, skip: String(pageParam) })}`),
    getNextPageParam: ({ items, total }, _pages, skip) =>
      items.length > 0 && skip + items.length < total ? skip + items.length : undefined,
  });
}
