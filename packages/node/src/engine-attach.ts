import { request } from 'node:http';
import type { Socket } from 'node:net';
import type { EngineStream } from './engine-streams.ts';

/** Whose streams are wanted, and of which engine. */
export interface Attachment {
  readonly socket: string;
  readonly container: string;
  readonly stdin: boolean;
}

/**
 * Connects to a container's streams by Docker's `POST /containers/ID/attach`. The request has no body, as that of dockerode
 * has: podman counts it as the container's input.
 * @throws an error with the engine's message, where it refuses
 */
export function attachTo({ socket, container, stdin }: Attachment): Promise<EngineStream> {
  const { promise, resolve, reject } = Promise.withResolvers<EngineStream>();
  const asked = request({
    socketPath: socket,
    method: 'POST',
    path: `/containers/${container}/attach?stream=true&stdout=true&stderr=true&stdin=${stdin}`,
    headers: { Connection: 'Upgrade', Upgrade: 'tcp' },
  });
  asked.on('upgrade', (_response, connection: Socket, head: Buffer) => {
    if (head.length > 0) connection.unshift(head);
    resolve(connection);
  });
  asked.on('response', async (response) => {
    try {
      const pieces: Buffer[] = await response.toArray();
      reject(new Error(refusal(response.statusCode, Buffer.concat(pieces).toString('utf8'))));
    } catch (error) {
      reject(error);
    }
  });
  asked.on('error', reject);
  asked.end();
  return promise;
}

function refusal(status: number | undefined, body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: string };
    if (message) return message;
  } catch {
    // What is not JSON is shown as it came.
  }
  return `the engine answered ${status}: ${body.slice(0, 1000)}`;
}
