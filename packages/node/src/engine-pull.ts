import type Dockerode from 'dockerode';
import { engineDone, withoutTls } from './engine-progress.ts';

/** An image to be pulled, with the login for its registry. */
export interface WantedPull {
  readonly reference: string;
  readonly login?: { readonly username: string; readonly password: string } | undefined;
}

/** Has an engine pull an image. @throws with the engine's words */
export async function pullImage(engine: Dockerode, { reference, login }: WantedPull): Promise<void> {
  const authconfig = login && { ...login, serveraddress: reference.split('/')[0]! };
  const plain = withoutTls(reference).tlsVerify === false && (await isPodman(engine));
  const stream = plain
    ? await pullByLibpod(engine, reference, authconfig)
    : await engine.pull(reference, authconfig ? { authconfig } : {});
  await engineDone(engine, stream);
}

async function isPodman(engine: Dockerode): Promise<boolean> {
  const { Components = [] } = (await engine.version()) as { Components?: { Name?: string }[] };
  return Components.some(({ Name }) => Name === 'Podman Engine');
}

/** podman's own API: by Docker's it asks for TLS of this machine's registries too, and docker does not. */
function pullByLibpod(
  engine: Dockerode,
  reference: string,
  authconfig: object | undefined,
): Promise<NodeJS.ReadableStream> {
  const { promise, resolve, reject } = Promise.withResolvers<NodeJS.ReadableStream>();
  const request = {
    path: '/v4.0.0/libpod/images/pull?',
    method: 'POST',
    options: { _query: { reference, tlsVerify: false }, _body: {} },
    ...(authconfig ? { authconfig } : {}),
    isStream: true,
    statusCodes: { 200: true },
  };
  engine.modem.dial(request as never, (error: Error | null, stream: unknown) =>
    error ? reject(error) : resolve(stream as NodeJS.ReadableStream),
  );
  return promise;
}
