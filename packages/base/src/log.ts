import { type Clock, systemClock } from './clock.ts';
import { describeError } from './errors.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured logging: one event is one line of JSON with `time`, `level`, `part`, `message` and the given fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose every line carries these fields too. */
  with(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly write: (line: string) => void;
  readonly level?: LogLevel;
  readonly clock?: Clock;
  readonly fields?: LogFields;
  /** Applied to every finished line, to hide secrets. */
  readonly mask?: (line: string) => string;
}

const order: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

function plain(value: unknown): unknown {
  return value instanceof Error ? describeError(value) : value;
}

export function createLogger(options: LoggerOptions): Logger {
  const { write, level = 'info', clock = systemClock, fields = {}, mask = (line: string) => line } = options;
  const emit =
    (lineLevel: LogLevel) =>
    (message: string, extra: LogFields = {}) => {
      if (order[lineLevel] < order[level]) return;
      const entries = Object.entries({ ...fields, ...extra }).map(([key, value]) => [key, plain(value)]);
      const line = {
        time: new Date(clock.now()).toISOString(),
        level: lineLevel,
        message,
        ...Object.fromEntries(entries),
      };
      write(mask(JSON.stringify(line)));
    };
  return {
    debug: emit('debug'),
    info: emit('info'),
    warn: emit('warn'),
    error: emit('error'),
    with: (more) => createLogger({ ...options, fields: { ...fields, ...more } }),
  };
}

/** Says nothing; for tests and for callers that do not care. */
export const silentLogger: Logger = createLogger({ write: () => undefined, level: 'error' });
