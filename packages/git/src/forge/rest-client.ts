import { createHmac, timingSafeEqual } from 'node:crypto';
import { isReason, TagboatError } from '@tagboat/base';

const timeout = 20_000;
/** Pages of one list that are read. */
const mostPages = 10;

/** Asks one forge's REST API. Errors say what was asked, and never hold the token. */
export class RestClient {
  readonly #api: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(api: string, headers: Readonly<Record<string, string>>) {
    this.#api = api;
    this.#headers = headers;
  }

  async get<T>(path: string): Promise<T> {
    return (await (await this.#ask('GET', path)).json()) as T;
  }

  /** True for an answer of success, false for "not there" and "not yours". */
  async holds(path: string): Promise<boolean> {
    const response = await this.#send('GET', path, undefined);
    await response.body?.cancel();
    if ([401, 403, 404].includes(response.status)) return false;
    if (!response.ok) throw this.#problem('GET', path, response.status, '');
    return true;
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
    const response = await this.#ask('GET', page(1));
    const first = (await response.json()) as T[];
    const last = lastPage(response.headers.get('link'));
    if (last <= 1) return first;
    const before = last === 2 ? first : await this.get<T[]>(page(last - 1));
    return [...before, ...(await this.get<T[]>(page(last)))];
  }

  async post(path: string, body: object): Promise<void> {
    await (await this.#ask('POST', path, body)).body?.cancel();
  }

  /** All items of a list that comes in pages of `size`. */
  async all<T>(path: string, size: number, sizeName = 'per_page'): Promise<T[]> {
    const found: T[] = [];
    const joint = path.includes('?') ? '&' : '?';
    for (let page = 1; page <= mostPages; page++) {
      const items = await this.get<T[]>(`${path}${joint}${sizeName}=${size}&page=${page}`);
      found.push(...items);
      if (items.length < size) break;
    }
    return found;
  }

  async #ask(method: string, path: string, body?: object): Promise<Response> {
    const response = await this.#send(method, path, body);
    if (response.ok) return response;
    throw this.#problem(method, path, response.status, (await response.text()).slice(0, 300));
  }

  async #send(method: string, path: string, body: object | undefined): Promise<Response> {
    try {
      return await fetch(`${this.#api}${path}`, {
        method,
        headers: {
          accept: 'application/json',
          'user-agent': 'tagboat',
          ...this.#headers,
          ...(body ? { 'content-type': 'application/json' } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
        signal: AbortSignal.timeout(timeout),
      });
    } catch (cause) {
      const why = ((cause as Error).cause as Error | undefined)?.message ?? (cause as Error).message;
      throw new TagboatError(`${this.#api} cannot be reached: ${why}`, { reason: 'Unavailable', cause });
    }
  }

  #problem(method: string, path: string, status: number, text: string): TagboatError {
    const about = `${method} ${this.#api}${path.split('?')[0]} was answered ${status}${text ? `: ${text}` : ''}`;
    if (status === 401 || status === 403)
      return new TagboatError(about, {
        reason: 'Unauthorized',
        hint: 'check the token of this repository, its rights and its rate limit',
      });
    // What the forge calls wrong stays wrong.
    const final = status === 404 || status === 422 || status === 400;
    return new TagboatError(about, { reason: final ? 'Refused' : 'Unavailable', retryable: !final });
  }
}

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
