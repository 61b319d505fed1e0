import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod, StepBreakpoints } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import type { TaskStep } from './ready-container.ts';
import { type DebuggedStep, debugFiles } from './step-debug.ts';
import type { StepFiles } from './step-files.ts';
import { PodVolumes } from './volumes.ts';

const scriptDirectory = '/tekton/debug/scripts';

/**
 * The program that a step with breakpoints is started by, its command being the arguments: it waits before the command
 * and after its failure until the files are there. It is a shell's, as are the scripts that make them.
 */
export function debugEntrypoint(index: number, { beforeStep, onFailure }: StepBreakpoints): string {
  const path = (name: string) => `/tekton/run/${index}/${name}`;
  const before = [
    `await ${path(debugFiles.beforeExit)} ${path(debugFiles.beforeFailure)}`,
    `if [ ! -e ${path(debugFiles.beforeExit)} ]; then`,
    "  echo 'Skipping execute step script because before step breakpoint fail-continue' >&2",
    '  exit 1',
    'fi',
  ];
  const after = [
    // A shell would run what it has built in, or what is defined here, where a program is meant.
    '(exec "$@")',
    'code=$?',
    '[ "$code" != 0 ] && [ -z "$stopping" ] || exit "$code"',
    `echo "$code" > ${path(debugFiles.failed)}`,
    `await ${path(debugFiles.failureExit)} ${path(debugFiles.failureExit)}.err`,
    `[ -e ${path(debugFiles.failureExit)} ] || exit 1`,
    // Who made the file may not have written yet.
    `[ -s ${path(debugFiles.failureExit)} ] || sleep 1`,
    'code=',
    `read -r code < ${path(debugFiles.failureExit)}`,
    'case "$code" in "" | *[!0-9]*) code=0 ;; esac',
    'echo "Breakpoint exiting with exit code $code" >&2',
    'exit "$code"',
  ];
  return script([
    'stopping=',
    'trap stopping=1 TERM',
    'await() {',
    '  until [ -e "$1" ] || [ -e "$2" ]; do',
    '    [ -z "$stopping" ] || exit 143',
    // Without it this would never rest.
    '    sleep 1 || [ -n "$stopping" ] || exit 127',
    '  done',
    '}',
    ...(beforeStep ? before : []),
    ...(onFailure ? after : ['exec "$@"']),
  ]);
}

/** The scripts that end a step's wait, by their names in `/tekton/debug/scripts`. */
export function debugScripts(index: number, { beforeStep, onFailure }: StepBreakpoints): Map<string, string> {
  const path = (name: string) => `/tekton/run/${index}/${name}`;
  const scripts = new Map<string, string>();
  const add = (name: string, ...lines: string[]) =>
    scripts.set(name, script(['set -e', ...lines, `echo "Executing step ${index}..."`]));
  if (onFailure) {
    add('debug-continue', `touch ${path('out')}`, `echo 0 > ${path(debugFiles.failureExit)}`);
    add('debug-fail-continue', `touch ${path('out.err')}`, `echo 1 > ${path(debugFiles.failureExit)}`);
  }
  if (beforeStep) {
    add('debug-beforestep-continue', `echo 0 > ${path(debugFiles.beforeExit)}`);
    add('debug-beforestep-fail-continue', `echo 1 > ${path(debugFiles.beforeFailure)}`);
  }
  return scripts;
}

interface DebugPlace {
  readonly pod: Pod;
  readonly volumes: PodVolumes;
  readonly files: StepFiles;
  /** Behind the step's `/tekton/run/<i>`. */
  readonly directory: string;
}

/** Places what a step with breakpoints is started by, and what ends its waits; undefined where it has none. */
export function readyDebug(
  { container, step: { breakpoints }, index }: TaskStep,
  { pod, volumes, files, directory }: DebugPlace,
): DebuggedStep | undefined {
  if (!breakpoints) return undefined;
  const name = `debug-entrypoint-${index}`;
  files.place(name, debugEntrypoint(index, breakpoints));
  const scripts = PodVolumes.hostPath(volumes.mounts(container), scriptDirectory);
  if (!scripts)
    throw new TagboatError(`${container.name} has breakpoints, but nothing at ${scriptDirectory}`, {
      reason: 'Invalid',
    });
  placeScripts(scripts, debugScripts(index, breakpoints));
  return {
    pod,
    container: container.name,
    breakpoints,
    directory,
    entrypoint: `/tekton/scripts/${name}`,
    scripts: files.isolated ? scriptDirectory : scripts,
  };
}

/** Writes programs into a directory, by their names. */
export function placeScripts(directory: string, scripts: Iterable<[string, string]>): void {
  for (const [name, text] of scripts) {
    writeFileSync(join(directory, name), text);
    chmodSync(join(directory, name), 0o755);
  }
}

const script = (lines: readonly string[]) => `#!/bin/sh\n${lines.join('\n')}\n`;
