import { request } from 'node:http';
import { connect } from 'node:net';
import type { Probe } from '@tagboat/api';
import type { PodAddress } from './addresses.ts';

/** Asks once (core/v1 Probe); an `exec` probe counts as passed, since containers cannot be entered here. */
export function probeOnce(probe: Probe, address: PodAddress, signal: AbortSignal): Promise<boolean> {
  const timeout = (probe.timeoutSeconds ?? 1) * 1000;
  if (probe.httpGet) {
    const { path = '/', httpHeaders = [] } = probe.httpGet;
    return get({ address, path, timeout, signal, headers: httpHeaders });
  }
  return probe.tcpSocket ? connects(address, timeout) : Promise.resolve(true);
}

interface Get {
  readonly address: PodAddress;
  readonly path: string;
  readonly timeout: number;
  readonly signal: AbortSignal;
  readonly headers: readonly { name: string; value: string }[];
}

function get({ address, path, timeout, signal, headers }: Get): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(
      {
        host: address.ip,
        port: address.port,
        path,
        timeout,
        signal,
        agent: false,
        headers: Object.fromEntries(headers.map(({ name, value }) => [name, value])),
      },
      (response) => {
        response.resume();
        const code = response.statusCode ?? 500;
        resolve(code >= 200 && code < 400);
      },
    );
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
    asked.end();
  });
}

function connects(address: PodAddress, timeout: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address.ip, port: address.port, timeout });
    const end = (ok: boolean) => {
      socket.destroy();
      resolve(ok);
    };
    socket.on('connect', () => end(true));
    socket.on('timeout', () => end(false));
    socket.on('error', () => end(false));
  });
}
