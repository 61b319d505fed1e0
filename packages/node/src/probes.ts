import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { HttpGetAction, Probe } from '@tagboat/api';
import type { RunningContainer } from './driver.ts';

export interface ProbeResult {
  readonly ok: boolean;
  /** Why it failed, in the kubelet's words. */
  readonly message: string;
}

/** What a probe or hook is done to. */
export interface ProbeTarget {
  /** Where a port of the pod, by number or name, is reached. */
  readonly address: (port: number | string) => { readonly host: string; readonly port: number };
  readonly running: RunningContainer;
}

export type Action = Pick<Probe, 'httpGet' | 'tcpSocket' | 'exec' | 'grpc'>;

const passed: ProbeResult = { ok: true, message: '' };
const failed = (message: string): ProbeResult => ({ ok: false, message });
const largestOutput = 10 * 1024;

/** Asks once (core/v1 Probe). @param timeout in milliseconds */
export async function probeOnce(action: Action, target: ProbeTarget, timeout: number): Promise<ProbeResult> {
  const { httpGet, tcpSocket, exec, grpc } = action;
  try {
    if (exec) return await execute(exec.command ?? [], target.running, timeout);
    if (httpGet) return await get(httpGet, target, timeout);
    if (grpc) return await checkHealth(target.address(grpc.port), grpc.service ?? '', timeout);
    if (tcpSocket) {
      const address = target.address(tcpSocket.port);
      return await connects({ ...address, host: tcpSocket.host ?? address.host }, timeout);
    }
  } catch (error) {
    return failed((error as Error).message);
  }
  return passed;
}

async function execute(
  command: readonly string[],
  running: RunningContainer,
  timeout: number,
): Promise<ProbeResult> {
  await using session = await running.exec({ command, stdin: false, tty: false });
  let text = '';
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void session[Symbol.asyncDispose]();
  }, timeout);
  const collect = async (stream: AsyncIterable<Uint8Array>) => {
    for await (const data of stream)
      if (text.length < largestOutput) text += Buffer.from(data).toString('utf8');
  };
  try {
    await Promise.all([collect(session.stdout), collect(session.stderr)]);
    const code = await session.exitCode;
    if (late) return failed(`command timed out: "${command.join(' ')}" timed out after ${timeout / 1000}s`);
    return code === 0 ? passed : failed(text.trim() || `command ended with code ${code}`);
  } finally {
    clearTimeout(timer);
  }
}

function get(action: HttpGetAction, target: ProbeTarget, timeout: number): Promise<ProbeResult> {
  const { host, port } = target.address(action.port);
  const secure = action.scheme?.toUpperCase() === 'HTTPS';
  const path = action.path?.startsWith('/') ? action.path : `/${action.path ?? ''}`;
  const url = `${secure ? 'https' : 'http'}://${action.host ?? host}:${port}${path}`;
  return new Promise((resolve) => {
    const options = {
      host: action.host ?? host,
      port,
      path,
      timeout,
      agent: false as const,
      headers: {
        'user-agent': 'kube-probe/1.32',
        accept: '*/*',
        ...Object.fromEntries((action.httpHeaders ?? []).map(({ name, value }) => [name, value])),
      },
    };
    const answered = (response: IncomingMessage) => {
      response.resume();
      const code = response.statusCode ?? 500;
      resolve(code >= 200 && code < 400 ? passed : failed(`HTTP probe failed with statuscode: ${code}`));
    };
    const asked = secure
      ? httpsRequest({ ...options, rejectUnauthorized: false }, answered)
      : httpRequest(options, answered);
    const timer = setTimeout(
      () =>
        asked.destroy(
          new Error('context deadline exceeded (Client.Timeout exceeded while awaiting headers)'),
        ),
      timeout,
    );
    asked.on('close', () => clearTimeout(timer));
    asked.on('error', (error) => resolve(failed(`Get "${url}": ${describe(error, host, port)}`)));
    asked.end();
  });
}

function connects({ host, port }: { host: string; port: number }, timeout: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout });
    const end = (result: ProbeResult) => {
      socket.destroy();
      resolve(result);
    };
    socket.on('connect', () => end(passed));
    socket.on('timeout', () => end(failed(`dial tcp ${host}:${port}: i/o timeout`)));
    socket.on('error', (error) => end(failed(describe(error, host, port))));
  });
}

function describe(error: Error, host: string, port: number): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ECONNREFUSED' ? `dial tcp ${host}:${port}: connect: connection refused` : error.message;
}

/** grpc.health.v1.Health/Check; SERVING is 1. */
function checkHealth(
  { host, port }: { host: string; port: number },
  service: string,
  timeout: number,
): Promise<ProbeResult> {
  const name = Buffer.from(service);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
  return new Promise((resolve) => {
    const client = connectHttp2(`http://${host}:${port}`);
    const end = (result: ProbeResult) => {
      clearTimeout(timer);
      client.destroy();
      resolve(result);
    };
    const timer = setTimeout(
      () => end(failed(`timeout: failed to connect service "${host}:${port}" within ${timeout / 1000}s`)),
      timeout,
    );
    client.on('error', (error) => end(failed(describe(error, host, port))));
    const stream = client.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const parts: Buffer[] = [];
    let status = '';
    stream.on('response', (headers) => {
      status = String(headers['grpc-status'] ?? '');
    });
    stream.on('trailers', (headers) => {
      status = String(headers['grpc-status'] ?? status);
    });
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('error', (error: Error) => end(failed(error.message)));
    stream.on('end', () => {
      const answer = Buffer.concat(parts);
      const serving = answer[5] === 0x08 && answer[6] === 1;
      if (status !== '0' && status !== '') end(failed(`rpc failed with status code ${status}`));
      else end(serving ? passed : failed('service unhealthy (responded with "NOT_SERVING")'));
    });
    stream.end(frame);
  });
}
