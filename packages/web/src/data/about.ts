import { useJson } from './query.ts';

/** What the platform says of itself. */
export interface About {
  readonly version: string;
  readonly url: string;
  readonly appsUrl: string;
  readonly registry: string;
  readonly home: string;
  readonly driver: string;
  readonly driverNote?: string;
}

export function useAbout(): About | undefined {
  return useJson<About>('/tagboat').data;
}
