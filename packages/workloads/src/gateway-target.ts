import type { RequestOptions } from 'node:http';
import type { Backend } from './routes.ts';

/** The service that a request means. */
export interface Target {
  readonly namespace: string;
  readonly name: string;
  /** Path and query below the service's prefix. */
  readonly path: string;
  /** What was taken off the path; absent where a host name leads to the service. */
  readonly prefix?: string;
  /** Of the Service. */
  readonly port?: number | string | undefined;
}

export const idOf = ({ namespace, name }: Target) => `${namespace}/${name}`;

/** Reads `/<namespace>/<name>/...`. */
export function targetOf(url: string): Target | undefined {
  const match = /^\/([a-z0-9-]+)\/([a-z0-9.-]+)(\/.*|\?.*)?$/.exec(url);
  if (!match) return undefined;
  const [, namespace = '', name = '', path = ''] = match;
  return { namespace, name, path, prefix: `/${namespace}/${name}` };
}

/** Where a backend is asked for what the target names. */
export function addressOf(backend: Backend, target: Target): RequestOptions {
  return {
    host: backend.host,
    port: backend.port,
    path: target.path.startsWith('/') ? target.path : `/${target.path}`,
  };
}
