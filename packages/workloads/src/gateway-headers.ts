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

/** Headers without those that concern one connection only (RFC 9110, 7.6.1). */
export function endToEnd(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !hopByHop.has(name)) kept[name] = value;
  return kept;
}
