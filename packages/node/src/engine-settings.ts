import { realpath } from 'node:fs/promises';
import type Dockerode from 'dockerode';
import { type ContainerRequest, podMarker } from './driver.ts';

/** Names the node that a container belongs to, among others that use the same engine. */
export const ownerLabel = 'dev.tagboat.node';
const podLabel = 'dev.tagboat.pod';

/** What an engine is asked for (Docker's `POST /containers/create`). */
export async function engineSettings(
  request: ContainerRequest,
  owner: string,
): Promise<Dockerode.ContainerCreateOptions> {
  const { image, limits, user } = request;
  const shown = image.kind === 'engine' ? (image.mounts ?? []) : [];
  const bound = await Promise.all(
    [...shown, ...request.mounts].map(async ({ hostPath, mountPath, readOnly }) => ({
      Type: 'bind' as const,
      Source: await realpath(hostPath),
      Target: mountPath,
      ReadOnly: readOnly,
    })),
  );
  return {
    Image: image.kind === 'engine' ? image.digest : '',
    Entrypoint: [...request.command],
    Cmd: [],
    Env: Object.entries({ ...request.environment, [podMarker]: request.podUid }).map(
      ([name, value]) => `${name}=${value}`,
    ),
    WorkingDir: request.workingDir,
    OpenStdin: request.stdin ?? false,
    Tty: request.tty ?? false,
    Labels: { [ownerLabel]: owner, [podLabel]: request.podUid },
    ...(user ? { User: `${user.uid}:${user.gid}` } : {}),
    HostConfig: {
      NetworkMode: 'host',
      Mounts: bound,
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: request.readOnlyRoot ?? false,
      OomScoreAdj: 1000,
      ...(user && user.groups.length > 0 ? { GroupAdd: user.groups.map(String) } : {}),
      ...(limits?.memory === undefined
        ? {}
        : { Memory: Math.floor(limits.memory), MemorySwap: Math.floor(limits.memory) }),
      ...(limits?.requestedCpu === undefined
        ? {}
        : { CpuShares: Math.max(2, Math.round(limits.requestedCpu * 1024)) }),
      ...(limits?.cpu === undefined ? {} : { NanoCpus: Math.round(limits.cpu * 1e9) }),
      ...(limits?.processes === undefined ? {} : { PidsLimit: limits.processes }),
    },
  };
}
