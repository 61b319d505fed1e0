import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';
import { TagboatError } from '@tagboat/base';
import { type IndexSettings, withoutCredentials } from './index-settings.ts';

export interface HttpOptions {
  readonly settings: IndexSettings;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** No byte for this long ends a request. */
const idleTimeout = 30_000;
const maxRedirects = 5;
/** An index page of the largest projects is a few megabytes. */
const maxText = 64 * 2 ** 20;

/**
 * The usual certificates and those of the settings. Node reads NODE_EXTRA_CA_CERTS only when it starts, and a global
 * fetch takes no certificates, hence `node:https`.
 */
async function trusted(settings: IndexSettings): Promise<string[] | undefined> {
  if (!settings.certificates) return undefined;
  const own = await readFile(settings.certificates, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new TagboatError(`cannot read the certificates in ${settings.certificates}: ${error.code}`, {
      reason: 'Invalid',
      hint: 'SSL_CERT_FILE, PIP_CERT or "cert" in pip.conf must name a file of PEM certificates',
      retryable: false,
    });
  });
  return [...tls.getCACertificates('default'), own];
}

async function agentFor(url: URL, options: HttpOptions): Promise<http.Agent> {
  const { settings, env } = options;
  const proxyEnv = settings.proxy ? { HTTPS_PROXY: settings.proxy, HTTP_PROXY: settings.proxy, ...env } : env;
  if (url.protocol === 'http:') return new http.Agent({ proxyEnv: proxyEnv as NodeJS.ProcessEnv });
  const rejectUnauthorized = !settings.trustedHosts.some(
    (host) => host === url.hostname || host === url.host,
  );
  const ca = await trusted(settings);
  return new https.Agent({ ca, rejectUnauthorized, proxyEnv: proxyEnv as NodeJS.ProcessEnv });
}

/** The error for a server that could not be reached. */
export function unreachable(url: string, cause: unknown): TagboatError {
  const code = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
  return new TagboatError(`cannot reach ${withoutCredentials(url)}: ${code}`, {
    reason: 'NetworkUnavailable',
    hint: 'check the network, HTTPS_PROXY, SSL_CERT_FILE and PIP_INDEX_URL',
    cause,
  });
}

function send(url: URL, agent: http.Agent, options: HttpOptions): Promise<http.IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  const auth = url.username
    ? `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    : undefined;
  const request = (url.protocol === 'http:' ? http : https).request(
    url,
    { agent, auth, headers: options.headers, signal: options.signal, timeout: idleTimeout },
    resolve,
  );
  request.on('timeout', () => request.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
  request.on('error', (error) => {
    if (options.signal?.aborted) reject(new TagboatError('cancelled', { reason: 'Cancelled' }));
    else reject(unreachable(url.href, error));
  });
  request.end();
  return promise;
}

/**
 * GETs a URL through the proxies and with the certificates of the settings, following redirects. The answer's body is a
 * stream that the caller must read or destroy.
 * @throws `NetworkUnavailable`; `NotFound` for 404; `HttpError` for other refusals.
 */
export async function httpGet(address: string, options: HttpOptions): Promise<http.IncomingMessage> {
  let url = new URL(address);
  for (let i = 0; i <= maxRedirects; i++) {
    const agent = await agentFor(url, options);
    const response = await send(url, agent, options);
    response.once('close', () => agent.destroy());
    const status = response.statusCode ?? 0;
    if (status === 200) return response;
    response.resume();
    if (status >= 300 && status < 400 && response.headers.location) {
      url = new URL(response.headers.location, url);
      if (url.protocol !== 'http:' && url.protocol !== 'https:') break;
      continue;
    }
    throw new TagboatError(`${withoutCredentials(url.href)} answered ${status}`, {
      reason: status === 404 ? 'NotFound' : 'HttpError',
      hint: status === 401 || status === 403 ? 'check the credentials in PIP_INDEX_URL' : undefined,
    });
  }
  throw new TagboatError(`${withoutCredentials(address)} redirects without end`, { reason: 'HttpError' });
}

/** GETs a text. @throws as `httpGet`. */
export async function httpText(
  address: string,
  options: HttpOptions,
): Promise<{ text: string; type: string }> {
  const response = await httpGet(address, options);
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > maxText) throw new Error('the answer is too large');
      parts.push(part);
    }
  } catch (error) {
    throw unreachable(address, error);
  }
  return { text: Buffer.concat(parts).toString('utf8'), type: response.headers['content-type'] ?? '' };
}
