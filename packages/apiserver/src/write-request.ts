import type { QueryString } from './query.ts';
import type { ResourcePath } from './resource-path.ts';

/** A request that writes. */
export interface WriteRequest {
  readonly path: ResourcePath;
  readonly query: QueryString;
  readonly body: string;
  readonly contentType: string;
  /** Of who asks; names the manager of the fields where the query does not. */
  readonly userAgent: string;
  /** Is told what a person should know though nothing failed. */
  readonly warn: (message: string) => void;
}
