import ArrowCircleUpIcon from '@patternfly/react-icons/dist/esm/icons/arrow-circle-up-icon';
import BanIcon from '@patternfly/react-icons/dist/esm/icons/ban-icon';
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon';
import CircleNotchIcon from '@patternfly/react-icons/dist/esm/icons/circle-notch-icon';
import ExclamationTriangleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon';
import ForwardIcon from '@patternfly/react-icons/dist/esm/icons/forward-icon';
import GhostIcon from '@patternfly/react-icons/dist/esm/icons/ghost-icon';
import HeartBrokenIcon from '@patternfly/react-icons/dist/esm/icons/heart-broken-icon';
import HeartIcon from '@patternfly/react-icons/dist/esm/icons/heart-icon';
import HourglassHalfIcon from '@patternfly/react-icons/dist/esm/icons/hourglass-half-icon';
import InfoCircleIcon from '@patternfly/react-icons/dist/esm/icons/info-circle-icon';
import PauseCircleIcon from '@patternfly/react-icons/dist/esm/icons/pause-circle-icon';
import QuestionCircleIcon from '@patternfly/react-icons/dist/esm/icons/question-circle-icon';
import RecycleIcon from '@patternfly/react-icons/dist/esm/icons/recycle-icon';
import TimesCircleIcon from '@patternfly/react-icons/dist/esm/icons/times-circle-icon';
import type { ComponentType, ReactNode } from 'react';

type Colour = 'green' | 'red' | 'blue' | 'yellow' | 'grey' | 'purple';

interface Look {
  readonly icon: ComponentType;
  readonly colour: Colour;
  readonly label: string;
  readonly spins?: boolean;
}

/** Every state the console shows, in the colours of Tekton's and Argo CD's own consoles. */
const looks = {
  succeeded: { icon: CheckCircleIcon, colour: 'green', label: 'Succeeded' },
  failed: { icon: TimesCircleIcon, colour: 'red', label: 'Failed' },
  running: { icon: CircleNotchIcon, colour: 'blue', label: 'Running', spins: true },
  pending: { icon: HourglassHalfIcon, colour: 'grey', label: 'Pending' },
  cancelled: { icon: BanIcon, colour: 'grey', label: 'Cancelled' },
  skipped: { icon: ForwardIcon, colour: 'grey', label: 'Skipped' },
  superseded: { icon: ForwardIcon, colour: 'purple', label: 'Superseded' },
  reused: { icon: RecycleIcon, colour: 'green', label: 'Reused' },
  healthy: { icon: HeartIcon, colour: 'green', label: 'Healthy' },
  progressing: { icon: CircleNotchIcon, colour: 'blue', label: 'Progressing', spins: true },
  degraded: { icon: HeartBrokenIcon, colour: 'red', label: 'Degraded' },
  suspended: { icon: PauseCircleIcon, colour: 'purple', label: 'Suspended' },
  missing: { icon: GhostIcon, colour: 'yellow', label: 'Missing' },
  unknown: { icon: QuestionCircleIcon, colour: 'grey', label: 'Unknown' },
  synced: { icon: CheckCircleIcon, colour: 'green', label: 'Synced' },
  outofsync: { icon: ArrowCircleUpIcon, colour: 'yellow', label: 'OutOfSync' },
  warning: { icon: ExclamationTriangleIcon, colour: 'yellow', label: 'Warning' },
  info: { icon: InfoCircleIcon, colour: 'blue', label: 'Note' },
} as const satisfies Record<string, Look>;

export type StatusName = keyof typeof looks;

/** Argo CD's and Kubernetes' words (`OutOfSync`, `Healthy`, `True`) as a state of ours. */
export function statusNamed(word: string | undefined): StatusName {
  const plain = (word ?? '').toLowerCase();
  if (plain in looks) return plain as StatusName;
  if (plain === 'true' || plain === 'completed') return 'succeeded';
  if (plain === 'false' || plain === 'error') return 'failed';
  return 'unknown';
}

export interface StatusProps {
  readonly status: StatusName;
  /** Instead of the state's own word. */
  readonly children?: ReactNode;
}

/** The icon alone; its word is its name for those who do not see it. */
export function StatusIcon({ status, title }: { status: StatusName; title?: string }) {
  const look: Look = looks[status];
  const Icon = look.icon;
  return (
    <span
      className={`tb-status tb-status--${look.colour}${look.spins ? ' tb-status--spins' : ''}`}
      role="img"
      aria-label={title ?? look.label}
      title={title ?? look.label}
    >
      <Icon />
    </span>
  );
}

/** Icon and word. */
export function Status({ status, children }: StatusProps) {
  const look: Look = looks[status];
  const Icon = look.icon;
  return (
    <span className="tb-status-text">
      <span
        className={`tb-status tb-status--${look.colour}${look.spins ? ' tb-status--spins' : ''}`}
        aria-hidden="true"
      >
        <Icon />
      </span>
      {children ?? look.label}
    </span>
  );
}

/** The colour of a state, as a CSS value. */
export const colourOf = (status: StatusName): string => `var(--tb-${(looks[status] as Look).colour})`;
