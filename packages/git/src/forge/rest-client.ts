import { createHmac, timingSafeEqual } from 'node:crypto';
import { isReason, TagboatError } from '@tagboat/base';

const timeout = 20_000;
/** Items of one list that are read. */
const mostItems = 2_000;
const second = 1_000;
const longestWait = 60 * 60 * second;

/** The forge asked for patience (HTTP 429, or GitHub's 403 for a rate limit that is used up). */
export class RateLimited extends TagboatError {
  /** Milliseconds after which it may be asked again. */
  readonly wait: number;

  constructor(message: string, headers: Headers) {
    super(message, { reason: 'RateLimited' });
    const after = Number(headers.get('retry-after') || Number.NaN) * second;
    // By the forge's own clock: this machine's may be another.
    const now = Date.parse(headers.get('date') ?? '');
    const reset = Number(headers.get('x-ratelimit-reset') || Number.NaN) * second - now;
    const wanted = [after, reset].find(Number.isFinite) ?? 60 * second;
    this.wait = Math.min(Math.max(wanted, second), longestWait);
  }
}

/** Asks one forge's REST API. Errors say what was asked, and never hold the token. */
export class RestClient {
  readonly #api: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(api: string, headers: Readonly<Record<string, string>>) {
    this.#api = api;
    this.#headers = headers;
  }

  async get<T>(path: string): Promise<T> {
    return (await this.#read(path)).value as T;
  }

  /** True for an answer of success, false for "not there" and "not yours". */
  async holds(path: string): Promise<boolean> {
    const response = await this.#send('GET', path, undefined);
    if (response.ok || (!isRateLimit(response) && [401, 403, 404].includes(response.status))) {
      await response.body?.cancel();
      return response.ok;
    }
    throw await this.#problem('GET', path, response);
  }

  /** Like `all`, or undefined where there is no such thing, or it is not for this token. */
  async maybeAll<T>(path: string, size: number, sizeName?: string): Promise<T[] | undefined> {
    try {
      return await this.all<T>(path, size, sizeName);
    } catch (error) {
      if (isReason(error, 'Refused') || isReason(error, 'Unauthorized')) return undefined;
      throw error;
    }
  }

  /** The items on the last page of a list whose pages cannot be sorted, and on the one before it. */
  async newest<T>(path: string, size: number): Promise<T[]> {
    const joint = path.includes('?') ? '&' : '?';
    const page = (number: number) => `${path}${joint}per_page=${size}&page=${number}`;
    const { items: first, link } = await this.#list<T>(page(1));
    const last = lastPage(link);
    if (last <= 1) return first;
    const before = last === 2 ? first : (await this.#list<T>(page(last - 1))).items;
    return [...before, ...(await this.#list<T>(page(last))).items];
  }

  /** @returns the answer */
  async post<T>(path: string, body: object): Promise<T> {
    return (await this.#read(path, 'POST', body)).value as T;
  }

  async patch<T>(path: string, body: object): Promise<T> {
    return (await this.#read(path, 'PATCH', body)).value as T;
  }

  /** The first items, two thousand at most, of a list that comes in pages of `size`, or of fewer where the forge says so. */
  async all<T>(path: string, size: number, sizeName = 'per_page'): Promise<T[]> {
    const found: T[] = [];
    const joint = path.includes('?') ? '&' : '?';
    for (let page = 1; found.length < mostItems; page++) {
      const { items, link } = await this.#list<T>(`${path}${joint}${sizeName}=${size}&page=${page}`);
      found.push(...items);
      const more = link === null ? items.length >= size : /rel="?next"?/.test(link);
      if (!more || items.length === 0) break;
    }
    return found;
  }

  async #list<T>(path: string): Promise<{ items: T[]; link: string | null }> {
    const { value, link } = await this.#read(path);
    if (Array.isArray(value)) return { items: value as T[], link };
    throw this.#unexpected('GET', path, 'no list');
  }

  async #read(path: string, method = 'GET', body?: object): Promise<{ value: unknown; link: string | null }> {
    const response = await this.#send(method, path, body);
    if (!response.ok) throw await this.#problem(method, path, response);
    const text = await this.#text(response);
    try {
      return { value: text === '' ? undefined : JSON.parse(text), link: response.headers.get('link') };
    } catch {
      throw this.#unexpected(method, path, `${response.headers.get('content-type') ?? 'text'}, not JSON`);
    }
  }

  async #send(method: string, path: string, body: object | undefined): Promise<Response> {
    return fetch(`${this.#api}${path}`, {
      method,
      headers: {
        accept: 'application/json',
        'user-agent': 'tagboat',
        ...this.#headers,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(timeout),
    }).catch((error: Error) => {
      throw this.#unreachable(error);
    });
  }

  #text(response: Response): Promise<string> {
    return response.text().catch((error: Error) => {
      throw this.#unreachable(error);
    });
  }

  #unreachable(cause: Error): TagboatError {
    const why = (cause.cause as Error | undefined)?.message ?? cause.message;
    return new TagboatError(`${this.#api} cannot be reached: ${why}`, { reason: 'Unavailable', cause });
  }

  #unexpected(method: string, path: string, what: string): TagboatError {
    return new TagboatError(`${this.#about(method, path)} was answered with ${what}`, {
      reason: 'Unavailable',
      hint: 'check the URL of the API; something before the forge, such as a login page, may have answered',
    });
  }

  #about(method: string, path: string): string {
    return `${method} ${this.#api}${path.split('?')[0]}`;
  }

  async #problem(method: string, path: string, response: Response): Promise<TagboatError> {
    const { status, headers } = response;
    const text = (await this.#text(response)).slice(0, 300);
    const about = `${this.#about(method, path)} was answered ${status}${text ? `: ${text}` : ''}`;
    if (isRateLimit(response)) return new RateLimited(about, headers);
    if (status === 401 || status === 403)
      return new TagboatError(about, {
        reason: 'Unauthorized',
        hint: 'check the token of this repository and its rights',
      });
    // What the forge calls wrong stays wrong; what is not there may be what the token must not see.
    const refused = status === 404 || status === 422 || status === 400;
    return new TagboatError(about, {
      reason: refused ? 'Refused' : 'Unavailable',
      retryable: !refused || status === 404,
    });
  }
}

const isRateLimit = ({ status, headers }: Response): boolean =>
  status === 429 ||
  (status === 403 && (headers.has('retry-after') || headers.get('x-ratelimit-remaining') === '0'));

/** The number of the last page, as the header `link` of a list tells it (RFC 8288). */
const lastPage = (link: string | null): number =>
  Number(/[?&]page=(\d+)[^>]*>;\s*rel="last"/.exec(link ?? '')?.[1] ?? 1);

/** The HMAC-SHA256 of a body in hexadecimal digits, as forges sign webhooks. */
export const signatureOf = (body: Buffer, secret: string): string =>
  createHmac('sha256', secret).update(body).digest('hex');

/** Equal texts, in a time that tells nothing about where they differ. */
export function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
