import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Pod } from '@tagboat/api';
import { TagboatError, timestamp } from '@tagboat/base';
import type { Attachments } from './attachments.ts';
import { limitsOf, requestsOf } from './container-limits.ts';
import { type ContainerUser, homeIn, userOf } from './container-user.ts';
import type { NodeContext } from './context.ts';
import type { ControlGroup } from './control-groups.ts';
import type { ContainerRequest, RunningContainer } from './driver.ts';
import { expand, resolveEnvironment } from './environment.ts';
import { placeCredentials } from './home-files.ts';
import { filesOfImage, type ImageConfig, type ResolvedImage, resolveImage } from './images.ts';
import type { LogWriter } from './log-writer.ts';
import type { StartOptions } from './pod-worker.ts';
import { pullLogin } from './pull-login.ts';
import { SecretMask } from './secret-mask.ts';
import type { PodVolumes } from './volumes.ts';

export interface StartedContainer {
  readonly running: RunningContainer;
  readonly log: LogWriter;
  readonly startedAt: string;
  readonly imageId: string;
  readonly containerId: string;
  readonly group: ControlGroup | undefined;
  /** What the container left to say about its end. */
  message(exitCode: number): Promise<string | undefined>;
  /** Once it has ended: ends what it left behind, finishes its log. */
  close(): Promise<void>;
}

export interface ContainerSurroundings {
  readonly context: NodeContext;
  readonly pod: Pod;
  readonly volumes: PodVolumes;
  readonly attachments: Attachments;
}

/** Processes of a container: enough for what builds in parallel, too few to exhaust the host. */
const mostProcesses = 4096;
const longestMessage = 4096;

export async function startContainer(
  { context, pod, volumes, attachments }: ContainerSurroundings,
  container: Container,
  options: StartOptions,
): Promise<StartedContainer> {
  const began = context.clock.monotonic();
  const image = await imageFor(container, pod, context);
  if (options.startedBy && context.driver.isolatesFiles) checkShell(container, image);
  options.stage?.({
    kind: 'pulled',
    image: container.image ?? '',
    milliseconds: context.clock.monotonic() - began,
    host: image.kind === 'host',
  });
  const resolved = await resolveEnvironment(context.store, pod, container);
  const config: ImageConfig = image.config ?? {};
  const user = await userOf(container, pod, image);
  const environment: Record<string, string> = {
    ...(await environmentOf(image, user, context)),
    ...context.environment,
    HOSTNAME: pod.spec?.hostname ?? pod.metadata.name,
    ...options.environment,
    ...resolved.variables,
  };
  const command = commandOf(options, config).map((word) => expand(word, environment));
  const uid = pod.metadata.uid ?? '';
  const mounts = [...volumes.mounts(container, environment), ...messageMount(container, options)];
  const homeFiles = await placeCredentials(mounts, environment.HOME, user);
  const limits = { processes: mostProcesses, ...limitsOf(container) };
  const group = context.driver.appliesLimits
    ? undefined
    : context.groups.create(`${uid}/${container.name}`, limits, requestsOf(pod));
  const directory = join(context.layout.pod(uid), 'containers', container.name);
  const request: ContainerRequest = {
    podUid: uid,
    directory,
    hostname: pod.spec?.hostname ?? pod.metadata.name,
    image,
    command: options.startedBy ? [options.startedBy, ...command] : command,
    environment,
    workingDir: container.workingDir ?? (config.WorkingDir || '/'),
    mounts,
    limits,
    ...(group ? { group } : {}),
    ...(user ? { user } : {}),
    ...(homeFiles ? { homeFiles } : {}),
    ...(options.hostsFile ? { hostsFile: options.hostsFile } : {}),
    readOnlyRoot: container.securityContext?.readOnlyRootFilesystem ?? false,
    stdin: container.stdin ?? false,
    tty: container.tty ?? false,
  };
  mkdirSync(directory, { recursive: true });
  const log = await context.logs.open(
    { namespace: pod.metadata.namespace ?? '', pod: pod.metadata.name, container: container.name },
    new SecretMask([...volumes.secrets, ...resolved.secrets]),
  );
  options.stage?.({ kind: 'created' });
  const running = await context.driver
    .start(request, (stream, data) => {
      attachments.output(stream, data);
      options.onOutput?.(stream, data);
      return log.write(stream, data);
    })
    .catch(async (error: unknown) => {
      // Who follows the log would wait for ever, and the file stay open.
      await log.close();
      await group?.remove();
      throw error;
    });
  options.stage?.({ kind: 'started' });
  return {
    running,
    log,
    group,
    startedAt: timestamp(context.clock),
    imageId: image.kind === 'host' ? `host:${image.name}` : image.digest,
    containerId: `tagboat://${randomUUID().replaceAll('-', '')}`,
    message: (exitCode) => terminationMessage({ container, options, log, exitCode }),
    async close() {
      await group?.kill();
      await group?.remove();
      await log.close();
    },
  };
}

/** The variables that an image gives its containers, with the home that a runtime adds. */
async function environmentOf(
  image: ResolvedImage,
  user: ContainerUser | undefined,
  { driver }: NodeContext,
): Promise<Record<string, string>> {
  const own = Object.fromEntries((image.config?.Env ?? []).map((line) => splitPair(line)));
  // Where the image's files are not shown, its home would be the host's.
  if (image.kind !== 'rootfs' || !driver.isolatesFiles) return own;
  return { HOME: await homeIn(image.directory, user?.uid ?? 0), ...own };
}

async function imageFor(
  { image, imagePullPolicy: pullPolicy }: Container,
  pod: Pod,
  { driver, images, store }: NodeContext,
): Promise<ResolvedImage> {
  const login = () => pullLogin(store, pod, image ?? '');
  if (!driver.image || !image) return resolveImage(image, images, login);
  return driver.image({ reference: image, pullPolicy, login });
}

/** @throws `ContainerCannotRun` where what starts a command could not run itself */
function checkShell({ name, image: reference }: Container, image: ResolvedImage): void {
  if (image.kind !== 'rootfs' || existsSync(join(filesOfImage(image), 'bin/sh'))) return;
  throw new TagboatError(
    `${name} has breakpoints, which need a shell in its image: ${reference} has no /bin/sh`,
    {
      reason: 'ContainerCannotRun',
      retryable: false,
      hint: 'use an image with a shell, or take the breakpoints out',
    },
  );
}

function messageMount(container: Container, { terminationMessage: file }: StartOptions) {
  if (file === undefined) return [];
  writeFileSync(file, '');
  chmodSync(file, 0o666);
  const mountPath = container.terminationMessagePath ?? '/dev/termination-log';
  return [{ hostPath: file, mountPath, readOnly: false }];
}

/** The termination message (core/v1 `terminationMessagePolicy`); where a failed container left none, its last line. */
async function terminationMessage(input: {
  container: Container;
  options: StartOptions;
  log: LogWriter;
  exitCode: number;
}): Promise<string | undefined> {
  const { container, options, log, exitCode } = input;
  const written = options.terminationMessage ? await beginning(options.terminationMessage) : '';
  if (written !== '' || exitCode === 0) return written || undefined;
  if (container.terminationMessagePolicy === 'FallbackToLogsOnError')
    return log.tail.join('\n').slice(-2048) || undefined;
  return log.tail.findLast((line) => line.trim() !== '');
}

async function beginning(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(longestMessage);
    const { bytesRead } = await file.read(buffer, 0, longestMessage, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function commandOf(options: StartOptions, config: ImageConfig): string[] {
  const declared = config.Entrypoint?.length ? config.Entrypoint : options.cmdTakesArgs ? config.Cmd : [];
  const command = options.command.length > 0 ? options.command : (declared ?? []);
  if (options.cmdTakesArgs && !config.Entrypoint?.length)
    return checkedCommand([...command, ...options.args]);
  const args = options.args.length > 0 || options.command.length > 0 ? options.args : (config.Cmd ?? []);
  return checkedCommand([...command, ...args]);
}

function checkedCommand(words: string[]): string[] {
  if (words.length === 0)
    throw new TagboatError('the container has no command, and its image names none', {
      reason: 'ContainerCannotRun',
      retryable: false,
    });
  return words;
}

function splitPair(line: string): [string, string] {
  const index = line.indexOf('=');
  return index < 0 ? [line, ''] : [line.slice(0, index), line.slice(index + 1)];
}
