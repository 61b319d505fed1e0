import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
]);

/** Request headers as the pod gets them: without Tagboat's credentials, with where it is reached. */
export function forwarded(
  request: IncomingMessage,
  prefix: string | undefined,
): Record<string, string | string[]> {
  const headers = endToEnd(request.headers);
  delete headers.authorization;
  const cookies = (request.headers.cookie ?? '')
    .split(/;\s*/)
    .filter((cookie) => cookie !== '' && !cookie.startsWith('tagboat'));
  if (cookies.length > 0) headers.cookie = cookies.join('; ');
  else delete headers.cookie;
  headers.host = request.headers.host ?? '';
  if (prefix !== undefined) headers['x-forwarded-prefix'] = prefix;
  headers['x-forwarded-proto'] = 'http';
  headers['x-forwarded-for'] = request.socket.remoteAddress ?? '';
  headers['x-forwarded-host'] = request.headers.host ?? '';
  if (request.headers['transfer-encoding']) headers['transfer-encoding'] = 'chunked';
  return headers;
}

/**
 * Whether a header of an answer sets or clears Tagboat's own cookies: they know no ports, and a pod could sign the owner
 * out of the console.
 */
export const concernsOwner = (name: string, value: string): boolean =>
  /^clear-site-data$/i.test(name) || (/^set-cookie$/i.test(name) && value.trimStart().startsWith('tagboat'));

/** Headers of an answer as the client gets them. */
export function answered(answer: IncomingHttpHeaders): Record<string, string | string[]> {
  const headers = endToEnd(answer);
  for (const [name, value] of Object.entries(headers)) {
    const kept = [value].flat().filter((one) => !concernsOwner(name, one));
    if (kept.length === 0) delete headers[name];
    else if (Array.isArray(value)) headers[name] = kept;
  }
  return headers;
}

/** Headers without those that concern one connection only (RFC 9110, 7.6.1). */
function endToEnd(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !hopByHop.has(name)) kept[name] = value;
  return kept;
}
