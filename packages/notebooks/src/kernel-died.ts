import { TagboatError } from '@tagboat/base';
import { lastLine } from './kernel.ts';
import { type GroupMemory, memoryQuantity } from './memory-limit.ts';

interface Death {
  readonly notebook: string;
  /** Of the cell that ran, from 1. */
  readonly cell: number;
  readonly code: number;
  readonly stderr: string;
  /** Of this process' control group, before the kernel started and now. */
  readonly before: GroupMemory | undefined;
  readonly now: GroupMemory | undefined;
}

/** Why a kernel ended: its memory limit, where the group counts a kill since it started, else what its exit says. */
export function kernelDied({ notebook, cell, code, stderr, before, now }: Death): TagboatError {
  const killed = code === 137;
  if (killed && now && now.kills > (before?.kills ?? 0)) {
    const why =
      now.limit === undefined
        ? 'the machine had no memory left'
        : `used more than its limit of ${memoryQuantity(now.limit)}`;
    return new TagboatError(`${notebook}: killed: ${why} in cell ${cell}`, {
      reason: 'OutOfMemory',
      retryable: false,
      hint: 'read the data in parts or with smaller types, or give it more: resources.memory of the step in tagboat.yaml, a larger size of the workbench',
    });
  }
  const why = killed
    ? 'it was killed, as happens when memory runs out'
    : `it ended with code ${code}${said(stderr)}`;
  return new TagboatError(`${notebook}, cell ${cell}: the kernel died; ${why}`, {
    reason: 'KernelDied',
    retryable: false,
  });
}

/** What it said at last; how to connect to a kernel says nothing about its end. */
function said(stderr: string): string {
  const line = lastLine(stderr);
  return line === '' || line.includes('--existing') ? '' : `: ${line}`;
}
