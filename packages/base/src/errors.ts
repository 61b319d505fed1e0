/** Where something was found, for people: a file and a 1-based position in it. */
export interface Location {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

export interface ErrorDetails {
  /** A machine-readable word in Kubernetes' style, such as `NotFound` or `Invalid`. */
  readonly reason: string;
  /** What a person should do next. */
  readonly hint?: string;
  readonly location?: Location;
  readonly cause?: unknown;
  /** False where trying again can never help; controllers then stop retrying. */
  readonly retryable?: boolean;
}

/**
 * The one error type that crosses package boundaries. Its message says what was expected and what was found;
 * `hint` says what to do. Anything else that is thrown is a defect and is reported without detail to outsiders.
 */
export class TagboatError extends Error {
  override readonly name: string = 'TagboatError';
  readonly reason: string;
  readonly hint: string | undefined;
  readonly location: Location | undefined;
  readonly retryable: boolean;

  constructor(message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.reason = details.reason;
    this.hint = details.hint;
    this.location = details.location;
    this.retryable = details.retryable ?? true;
  }
}

/** A request or file that can never work as it stands: do not retry, tell the person who wrote it. */
export function invalid(message: string, details: Omit<ErrorDetails, 'reason'> = {}): TagboatError {
  return new TagboatError(message, { ...details, reason: 'Invalid', retryable: false });
}

export function notFound(message: string, details: Omit<ErrorDetails, 'reason'> = {}): TagboatError {
  return new TagboatError(message, { ...details, reason: 'NotFound', retryable: false });
}

/** Somebody else changed the thing first: read again and decide anew. */
export function conflict(message: string, details: Omit<ErrorDetails, 'reason'> = {}): TagboatError {
  return new TagboatError(message, { ...details, reason: 'Conflict' });
}

export function isReason(error: unknown, reason: string): error is TagboatError {
  return error instanceof TagboatError && error.reason === reason;
}

/** Whether something failed because a disk, or its user's quota, is full. */
export const isDiskFull = (error: unknown): boolean =>
  isReason(error, 'DiskFull') ||
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException | null)?.code ?? '');

/** `file:line:column`, leaving out what is not known. */
export function formatLocation(location: Location): string {
  return [location.file, location.line, location.line === undefined ? undefined : location.column]
    .filter((part) => part !== undefined)
    .join(':');
}

/** One error as a person reads it: location, message and hint, never a stack. */
export function describeError(error: unknown): string {
  if (error instanceof TagboatError) {
    const where = error.location ? `${formatLocation(error.location)}: ` : '';
    return `${where}${error.message}${error.hint ? ` (${error.hint})` : ''}`;
  }
  return error instanceof Error ? error.message : String(error);
}

const httpStatuses: Readonly<Record<string, number>> = {
  Invalid: 400,
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  Conflict: 409,
  AlreadyExists: 409,
  Expired: 410,
  TooLarge: 413,
  Unprocessable: 422,
  Unavailable: 503,
  DiskFull: 507,
};

/** The HTTP status that goes with an error's reason; 500 for what nobody expected. */
export function httpStatusOf(error: unknown): number {
  if (error instanceof TagboatError) return httpStatuses[error.reason] ?? 500;
  const code = (error as { statusCode?: unknown } | undefined)?.statusCode;
  return typeof code === 'number' ? code : 500;
}
