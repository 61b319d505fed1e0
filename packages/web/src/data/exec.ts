import { TagboatError } from '@tagboat/base';

export interface ExecTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** Channels of Kubernetes' remote command protocol (v4 and v5). */
export const channels = { input: 0, output: 1, error: 2, status: 3, resize: 4 } as const;

const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

export interface ExecOptions {
  readonly command: readonly string[];
  /** With a terminal: input and sizes can be sent. */
  readonly tty?: boolean;
}

/** Opens a command in a container, on this page's own origin. */
export function openExec(
  { namespace, pod, container }: ExecTarget,
  { command, tty }: ExecOptions,
): WebSocket {
  const query = new URLSearchParams({ container, stdout: 'true' });
  for (const name of tty ? ['stdin', 'tty'] : ['stderr']) query.append(name, 'true');
  for (const word of command) query.append('command', word);
  const origin = location.origin.replace(/^http/, 'ws');
  const socket = new WebSocket(
    `${origin}/api/v1/namespaces/${namespace}/pods/${pod}/exec?${query}`,
    protocols,
  );
  socket.binaryType = 'arraybuffer';
  return socket;
}

/** What a command in a container prints. @throws `ExecFailed` where it does not run, or ends with another code than 0 */
export function execText(
  target: ExecTarget,
  command: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = openExec(target, { command });
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let status: string | undefined;
  socket.onmessage = ({ data }) => {
    const frame = new Uint8Array(data as ArrayBuffer);
    if (frame[0] === channels.output) parts.push(decoder.decode(frame.subarray(1), { stream: true }));
    if (frame[0] === channels.status) status = new TextDecoder().decode(frame.subarray(1));
  };
  socket.onclose = ({ reason }) => {
    if (/"status"\s*:\s*"Success"/.test(status ?? '')) resolve(parts.join(''));
    else reject(new TagboatError(status || reason || 'the connection was closed', { reason: 'ExecFailed' }));
  };
  signal.addEventListener('abort', () => socket.close(), { once: true });
  return promise;
}
