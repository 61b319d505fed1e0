import { type Condition, findCondition, type Notebook } from '@tagboat/api';
import { parseDuration } from '@tagboat/base';

/** What a Jupyter server and the gate know about the use of a workbench. Times in milliseconds since the epoch. */
export interface Activity {
  readonly kernels: readonly { readonly execution_state?: string; readonly last_activity?: string }[];
  readonly terminals: readonly { readonly last_activity?: string }[];
  /** Open websockets. */
  readonly connections: number;
  /** The last request through the gate; 0: none since this process began. */
  readonly lastRequest: number;
  /** What was known before, and when the pod became ready. */
  readonly lastKnown: number;
}

export interface Judgement {
  readonly lastActivity: number;
  readonly verdict: 'active' | 'warn' | 'stop';
  /** When it will be stopped unless it is used; undefined: never. */
  readonly stopsAt: number | undefined;
  /** When its use is to be looked at again: at the warning and the stop, and each minute before. */
  readonly lookAt: number;
}

/** Milliseconds. */
const lookInterval = 60_000;
const defaultIdleTimeout = 4 * 3_600_000;
/** How long before the end a workbench is marked as about to be stopped, at most. */
const longestWarning = 10 * 60_000;

/** Milliseconds; undefined for `never`. @throws `Invalid` */
export function idleTimeoutOf(text: string | undefined): number | undefined {
  if (text === undefined) return defaultIdleTimeout;
  return text === 'never' ? undefined : parseDuration(text);
}

/**
 * When a workbench was last used, and whether it is to be stopped. A busy kernel and an open connection are use at this
 * moment; requests, kernels and terminals leave the time of their last activity.
 */
export function judgeActivity(activity: Activity, idleTimeout: number | undefined, now: number): Judgement {
  const busy =
    activity.connections > 0 ||
    activity.kernels.some(({ execution_state: state }) => state === 'busy' || state === 'starting');
  const times = [...activity.kernels, ...activity.terminals].map(({ last_activity: at }) =>
    Date.parse(at ?? ''),
  );
  const lastActivity = busy
    ? now
    : Math.max(
        activity.lastKnown,
        activity.lastRequest,
        ...times.filter((time) => !Number.isNaN(time) && time <= now),
      );
  if (idleTimeout === undefined)
    return { lastActivity, verdict: 'active', stopsAt: undefined, lookAt: now + lookInterval };
  const stopsAt = lastActivity + idleTimeout;
  const warnsAt = stopsAt - Math.min(longestWarning, idleTimeout / 4);
  const lookAt = Math.min(now + lookInterval, now < warnsAt ? warnsAt : stopsAt);
  if (now >= stopsAt) return { lastActivity, verdict: 'stop', stopsAt, lookAt: now + lookInterval };
  return { lastActivity, verdict: now >= warnsAt ? 'warn' : 'active', stopsAt, lookAt };
}

/** The condition that says whether a workbench is about to be stopped, and when (RFC 3339, in its message). */
export function idleCondition({ verdict, stopsAt }: Pick<Judgement, 'verdict' | 'stopsAt'>): Condition {
  if (verdict !== 'warn') return { type: 'Idle', status: 'False', reason: 'InUse', message: '' };
  const message = `stops at ${new Date(stopsAt!).toISOString()} unless it is used`;
  return { type: 'Idle', status: 'True', reason: 'NotUsed', message };
}

/** When a workbench that nobody uses will be stopped (RFC 3339); undefined where it will not soon. */
export function stopTimeOf(notebook: Notebook | undefined): string | undefined {
  const idle = findCondition(notebook?.status?.conditions, 'Idle');
  return idle?.status === 'True' ? /stops at (\S+)/.exec(idle.message ?? '')?.[1] : undefined;
}
