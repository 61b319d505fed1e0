import type { ResourceType } from '@tagboat/api';
import { describeError, httpStatusOf, TagboatError } from '@tagboat/base';

/** One reason why a request failed, at one field (meta/v1 StatusCause). */
export interface Cause {
  readonly reason?: string;
  readonly message: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly Cause[];
  readonly retryAfterSeconds?: number;
}

/** An error that already knows how Kubernetes tells it. */
export class StatusError extends TagboatError {
  readonly code: number;
  readonly details: StatusDetails;

  constructor(code: number, reason: string, message: string, details: StatusDetails = {}) {
    super(message, { reason, retryable: false });
    this.code = code;
    this.details = details;
  }
}

/** The object cannot be as it is: 422 with one cause per field. */
export function invalidObject(
  type: ResourceType,
  name: string | undefined,
  causes: readonly Cause[],
): StatusError {
  const shown = causes.map(({ field, message }) => `${field}: ${message}`);
  const kind = type.group === '' ? type.kind : `${type.kind}.${type.group}`;
  const text = shown.length === 1 ? shown[0]! : `[${shown.join(', ')}]`;
  return new StatusError(422, 'Invalid', `${kind} "${name ?? ''}" is invalid: ${text}`, {
    name: name ?? '',
    group: type.group,
    kind: type.kind,
    causes,
  });
}

export const badRequest = (message: string, details: StatusDetails = {}) =>
  new StatusError(400, 'BadRequest', message, details);

export const forbidden = (message: string, details: StatusDetails = {}) =>
  new StatusError(403, 'Forbidden', message, details);

export const methodNotAllowed = (message: string) => new StatusError(405, 'MethodNotAllowed', message);

export const noSuchResource = () =>
  new StatusError(404, 'NotFound', 'the server could not find the requested resource');

/** `pods "web" not found`, as kubectl shows it. */
export function missingObject(
  type: Pick<ResourceType, 'plural' | 'group'>,
  name: string | undefined,
): StatusError {
  const resource = type.group ? `${type.plural}.${type.group}` : type.plural;
  return new StatusError(404, 'NotFound', `${resource} "${name}" not found`, {
    name: name ?? '',
    group: type.group,
    kind: type.plural,
  });
}

const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** An error as Kubernetes tells it (meta/v1 Status). */
export function statusOf(thrown: unknown): Record<string, unknown> & { code: number } {
  const error = isTooDeep(thrown) ? badRequest('the object is nested too deeply') : thrown;
  const code = codeOf(error);
  const expected = error instanceof TagboatError || code < 500;
  const known = error instanceof TagboatError && error.reason === 'AlreadyExists';
  const own = error instanceof StatusError ? error : undefined;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: expected ? describeError(error) : 'an internal error; see the log',
    reason: own?.reason ?? (known ? 'AlreadyExists' : (reasons[code] ?? 'InternalError')),
    ...(own && Object.keys(own.details).length > 0 ? { details: own.details } : {}),
    code,
  };
}

function codeOf(error: unknown): number {
  if (error instanceof StatusError) return error.code;
  if (error instanceof TagboatError && error.reason === 'UnsupportedMediaType') return 415;
  return httpStatusOf(error);
}

/** Whoever walks an object is recursive: one that is nested without end runs out of stack before anything is written. */
const isTooDeep = (error: unknown) =>
  error instanceof RangeError && /maximum call stack/i.test(error.message);
