import type { IncomingHttpHeaders } from 'node:http';

/** What of a request says where it comes from. */
export interface Asked {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** `http` or `https`. */
  readonly protocol: string;
}

/**
 * Whether a request that carries a cookie comes from this origin's own pages, or was typed by the user. Pages of the
 * apps port are the same site, so SameSite alone lets their requests through (Fetch Metadata, W3C).
 */
export function isOwnOrigin({ method, headers, protocol }: Asked): boolean {
  const own = `${protocol}://${headers.host ?? ''}`;
  const { origin } = headers;
  if (origin !== undefined && origin !== own) return false;
  if (headers.upgrade !== undefined) return origin === own;
  const site = headers['sec-fetch-site'];
  const reads = method === 'GET' || method === 'HEAD';
  if (site === undefined) return reads || origin === own;
  return site === 'same-origin' || (site === 'none' && reads);
}

/** A browser that shows a page, wherever the link to it was; a page itself holds no data. */
export function isNavigation({ method, headers }: Asked): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  const destination = headers['sec-fetch-dest'];
  if (destination !== undefined) return destination === 'document';
  return (headers.accept ?? '').includes('text/html');
}

const protocols = ['/api', '/apis', '/openapi', '/version', '/v2', '/git', '/mlflow', '/prometheus'];
const others = ['/metrics', '/tagboat', '/git-credentials', '/image-builds', '/healthz', '/livez', '/readyz'];

/** Whether a path belongs to a protocol rather than to the console, which has all the rest. */
export function isProtocolPath(address: string): boolean {
  const path = decoded(address);
  return [...protocols, ...others].some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
}

/** As the router reads it. */
function decoded(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}
