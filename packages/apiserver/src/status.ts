import { describeError, httpStatusOf, TagboatError } from '@tagboat/base';

const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  503: 'ServiceUnavailable',
};

/** An error as Kubernetes tells it (meta/v1 Status). */
export function statusOf(error: unknown): Record<string, unknown> & { code: number } {
  const unsupported = error instanceof TagboatError && error.reason === 'UnsupportedMediaType';
  const code = unsupported ? 415 : httpStatusOf(error);
  const known = error instanceof TagboatError && error.reason === 'AlreadyExists';
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message:
      code === 500 && !(error instanceof TagboatError)
        ? 'an internal error; see the log'
        : describeError(error),
    reason: known ? 'AlreadyExists' : (reasons[code] ?? 'InternalError'),
    code,
  };
}
