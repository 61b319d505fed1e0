import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ExecSession, kinds, type Pod, type PodAccess, type TypeRegistry } from '@tagboat/api';
import type { Logger } from '@tagboat/base';
import { type WebSocket, WebSocketServer } from 'ws';
import { containerOf } from '../pod-log.ts';
import { isTrue } from '../query.ts';
import { isPodStream, parseResourcePath, type ResourcePath } from '../resource-path.ts';
import type { Resources } from '../resources.ts';
import { badRequest, StatusError, statusOf } from '../status.ts';
import { commandChannels } from './channel-socket.ts';
import { PortForward } from './port-forward.ts';
import { runRemote } from './remote-command.ts';
import { overSocket, overWebSocket, SpdyCommand } from './spdy-streams.ts';

export interface PodSocketOptions {
  readonly resources: Resources;
  readonly types: TypeRegistry;
  readonly log: Logger;
  readonly podAccess: () => PodAccess;
  /** Whether who asks may; decided before anything opens. */
  readonly authorize: (request: IncomingMessage) => Promise<boolean>;
}

const commandProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io';
const oldProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'portforward.k8s.io'];
const largestMessage = 4 * 2 ** 20;

interface Opening {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly path: ResourcePath;
  readonly query: URLSearchParams;
  readonly pod: Pod;
}

/** exec, attach and port-forward: Kubernetes' streaming protocols over WebSocket, and over SPDY as older clients speak. */
export function servePodSockets(server: Server, options: PodSocketOptions): void {
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: largestMessage,
    handleProtocols: (offered) =>
      [...commandProtocols, tunnelProtocol].find((protocol) => offered.has(protocol)) ?? false,
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const url = URL.parse(request.url ?? '/', 'http://localhost');
    if (!url || !isPodStream(url)) return;
    socket.on('error', (error) => options.log.debug('a stream of a pod ended early', { error }));
    open(options, { request, socket, head, url, sockets }).catch((error: unknown) => refuse(socket, error));
  });
}

/** Whether an upgrade is one that `servePodSockets` answers. */
export function isPodUpgrade({ url: text = '/' }: IncomingMessage): boolean {
  const url = URL.parse(text, 'http://localhost');
  return url !== null && isPodStream(url);
}

async function open(
  options: PodSocketOptions,
  upgrade: { request: IncomingMessage; socket: Duplex; head: Buffer; url: URL; sockets: WebSocketServer },
): Promise<void> {
  const { request, socket, head, url, sockets } = upgrade;
  if (!(await options.authorize(request))) throw new StatusError(401, 'Unauthorized', 'Unauthorized');
  const path = parseResourcePath(url.pathname, options.types);
  const { namespace = '', name = '' } = path;
  const pod = (await options.resources.get({ type: kinds.Pod, namespace, name })) as Pod;
  const opening: Opening = { request, socket, head, path, query: url.searchParams, pod };
  check(opening);
  const wanted = request.headers.upgrade?.toLowerCase();
  if (wanted === 'spdy/3.1') return serveSpdy(options, opening);
  if (wanted !== 'websocket') throw badRequest('expected an upgrade to websocket or SPDY/3.1');
  sockets.handleUpgrade(request, socket, head, (ready) => {
    ready.on('error', (error) => options.log.debug('a stream of a pod ended early', { error }));
    serveWebSocket(options, opening, ready);
  });
}

/** What is wrong with the request is told before the protocol changes: afterwards few clients show it. */
function check({ path, query, pod }: Opening): void {
  if (path.subresource === 'portforward') {
    portsOf(query);
    return;
  }
  containerOf(pod, query.get('container') ?? undefined);
  if (path.subresource === 'exec' && query.getAll('command').length === 0)
    throw badRequest('you must specify at least 1 command for the container');
  if (!['stdin', 'stdout', 'stderr'].some((name) => isTrue(query.get(name) ?? undefined)))
    throw badRequest('you must specify at least one of stdin, stdout, stderr');
}

function serveWebSocket(options: PodSocketOptions, opening: Opening, socket: WebSocket): void {
  const { path, query, pod } = opening;
  if (path.subresource !== 'portforward') {
    void runRemote(() => session(options, opening), commandChannels(socket, wantedStreams(query)));
    return;
  }
  const forward = new PortForward(options.podAccess(), podName(pod));
  if (socket.protocol === tunnelProtocol) overWebSocket(socket, forward.opened);
  else forward.serveChannels(socket, portsOf(query));
}

function serveSpdy(options: PodSocketOptions, opening: Opening): void {
  const { request, socket, path, query, pod } = opening;
  const offered = [request.headers['x-stream-protocol-version'] ?? []]
    .flat()
    .flatMap((text) => text.split(/,\s*/));
  const protocol = oldProtocols.find((known) => offered.includes(known));
  if (!protocol)
    throw new StatusError(403, 'Forbidden', `expected X-Stream-Protocol-Version ${oldProtocols.join(', ')}`);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  if (opening.head.length > 0) socket.unshift(opening.head);
  if (path.subresource === 'portforward') {
    overSocket(socket, new PortForward(options.podAccess(), podName(pod)).opened);
    return;
  }
  const { stdin, stdout, stderr } = wantedStreams(query);
  const tty = isTrue(query.get('tty') ?? undefined);
  const names = ['error', stdin && 'stdin', stdout && 'stdout', stderr && !tty && 'stderr', tty && 'resize'];
  const command = new SpdyCommand(names.filter((name): name is string => typeof name === 'string'));
  const gone = new AbortController();
  socket.on('close', () => gone.abort());
  const connection = overSocket(socket, command.opened);
  void command
    .streams(connection, gone.signal)
    .then((streams) => runRemote(() => session(options, opening), streams));
}

function session(options: PodSocketOptions, { path, query, pod }: Opening): Promise<ExecSession> {
  const common = {
    namespace: pod.metadata.namespace ?? '',
    pod: pod.metadata.name,
    container: containerOf(pod, query.get('container') ?? undefined),
    stdin: isTrue(query.get('stdin') ?? undefined),
    tty: isTrue(query.get('tty') ?? undefined),
  };
  return path.subresource === 'attach'
    ? options.podAccess().attach(common)
    : options.podAccess().exec({ ...common, command: query.getAll('command') });
}

const podName = ({ metadata }: Pod) => ({ namespace: metadata.namespace ?? '', name: metadata.name });

const wantedStreams = (query: URLSearchParams) => ({
  stdin: isTrue(query.get('stdin') ?? undefined),
  stdout: isTrue(query.get('stdout') ?? undefined),
  stderr: isTrue(query.get('stderr') ?? undefined),
});

/** @throws `BadRequest` */
function portsOf(query: URLSearchParams): number[] {
  const ports = query
    .getAll('ports')
    .flatMap((text) => text.split(','))
    .map(Number);
  if (ports.some((port) => !Number.isInteger(port) || port < 1 || port > 65535) || ports.length > 100)
    throw badRequest('expected ports between 1 and 65535');
  return ports;
}

function refuse(socket: Duplex, error: unknown): void {
  if (!socket.writable) return;
  const status = statusOf(error);
  const body = JSON.stringify(status);
  socket.end(
    `HTTP/1.1 ${status.code} ${status.reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
