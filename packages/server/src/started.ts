import { TagboatError } from '@tagboat/base';

/** What the ports ask for before all of the platform is there. @throws `Unavailable` */
export function started<T>(room: T | undefined): T {
  if (room === undefined)
    throw new TagboatError('the platform is still starting', {
      reason: 'Unavailable',
      hint: 'try again in a moment',
    });
  return room;
}

/** What `/tagboat` tells, once all of the platform stands. @throws `Unavailable` before, when some of it would be missing */
export const whole = (about: Readonly<Record<string, unknown>>) =>
  started('url' in about ? about : undefined);
