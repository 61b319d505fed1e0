import { TagboatError } from '@tagboat/base';

/** A cell raised. `exceptionName` and `exceptionValue` are the exception's own. */
export class CellFailed extends TagboatError {
  readonly exceptionName: string;
  readonly exceptionValue: string;
  /** Without colours. */
  readonly traceback: string;

  constructor(message: string, exception: { name: string; value: string; traceback: string }) {
    super(message, { reason: 'CellFailed', retryable: false });
    this.exceptionName = exception.name;
    this.exceptionValue = exception.value;
    this.traceback = exception.traceback;
  }
}
