import { invalid, parseDuration } from '@tagboat/base';
import { Cron } from 'croner';

/** The times of a CronJob's schedule. */
export interface Schedule {
  /** The first time after the given one. @param since what an interval is counted from */
  next(after: Date, since?: Date): Date | undefined;
  /** The last time at or before the given one, if it is after `since`. */
  last(since: Date, until: Date): Date | undefined;
}

/** @throws `Invalid` for a schedule or time zone that cannot be read */
export function parseSchedule(text: string, timeZone: string | undefined): Schedule {
  if (/(^|\s)(CRON_)?TZ=/.test(text))
    throw invalid(`the schedule "${text}" holds a time zone`, { hint: 'use spec.timeZone' });
  const every = /^@every\s+(\S+)$/.exec(text.trim());
  return every ? interval(every[1]!) : calendar(text, timeZone);
}

function interval(text: string): Schedule {
  // Whole seconds, one at least (robfig/cron `Every`): less would leave no time for anything else.
  const period = Math.max(1000, Math.floor(parseDuration(text) / 1000) * 1000);
  return {
    next: (after, since = after) => {
      const passed = Math.max(0, after.getTime() - since.getTime());
      return new Date(since.getTime() + (Math.floor(passed / period) + 1) * period);
    },
    last: (since, until) => {
      const count = Math.floor((until.getTime() - since.getTime()) / period);
      return count > 0 ? new Date(since.getTime() + count * period) : undefined;
    },
  };
}

function calendar(text: string, timeZone: string | undefined): Schedule {
  let cron: Cron;
  try {
    cron = new Cron(text, { paused: true, mode: '5-part', ...(timeZone ? { timezone: timeZone } : {}) });
    cron.nextRun();
  } catch (error) {
    const zone = timeZone ? ` in the time zone "${timeZone}"` : '';
    throw invalid(`cannot read the schedule "${text}"${zone}: ${(error as Error).message}`, {
      hint: 'write five fields such as "0 3 * * 1", and a zone such as Europe/Prague',
    });
  }
  return {
    next: (after) => cron.nextRun(after) ?? undefined,
    last: (since, until) => {
      // A time counts from its own second on.
      const [found] = cron.previousRuns(1, new Date(until.getTime() + 1000));
      return found && found > since && found <= until ? found : undefined;
    },
  };
}
