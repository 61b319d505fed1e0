export { ActionButton, type ActionButtonProps } from './action-button.tsx';
export { Command, Equivalent } from './command.tsx';
export { type Crumb, PageFrame, type PageFrameProps } from './page-frame.tsx';
export { Empty, Failed, Gate, type LiveLike, Loading, NotFound } from './states.tsx';
export { colourOf, Status, StatusIcon, type StatusName, statusNamed } from './status.tsx';
export { Ago, Duration, durationText, relativeTime } from './time.tsx';
export { type Column, VirtualTable, type VirtualTableProps } from './virtual-table.tsx';
