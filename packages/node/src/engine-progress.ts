import type Dockerode from 'dockerode';

/** What an engine tells of what it does (Docker API, the JSON lines of build, pull and push). */
export interface EngineProgress {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly progress?: string;
  readonly error?: string;
  readonly aux?: { readonly ID?: string };
}

/** Resolves when the engine has done what it tells the progress of. @throws with the engine's words, which come as progress */
export async function engineDone(
  engine: Dockerode,
  stream: NodeJS.ReadableStream,
  told: (event: EngineProgress) => void = () => undefined,
): Promise<void> {
  let problem: string | undefined;
  await new Promise<void>((resolve, reject) =>
    engine.modem.followProgress(
      stream,
      (error: Error | null) => (error ? reject(error) : resolve()),
      (event: EngineProgress) => {
        problem ??= event.error;
        told(event);
      },
    ),
  );
  if (problem !== undefined) throw new Error(problem.trim());
}

/** podman asks for TLS of this machine's own registries too, unless told; docker does not know the option. */
export const withoutTls = (image: string): { tlsVerify?: false } =>
  /^(127\.|localhost|\[::1\])/.test(image) ? { tlsVerify: false } : {};
