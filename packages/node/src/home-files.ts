import { mkdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import type { ContainerUser } from './container-user.ts';
import { copyToHome, giveTo } from './step-credentials.ts';
import { type Mount, PodVolumes } from './volumes.ts';

const credentialsPath = '/tekton/creds';

/**
 * Puts a step's credentials into its home, where git, ssh and docker look for them, if that lies in a volume.
 * @returns the directory that holds them, where the home is the image's own: the driver puts them there
 */
export async function placeCredentials(
  mounts: readonly Mount[],
  home: string | undefined,
  user: ContainerUser | undefined,
): Promise<string | undefined> {
  const directory = mounts.find(({ mountPath }) => mountPath === credentialsPath)?.hostPath;
  const files = directory === undefined ? [] : await readdir(directory).catch(() => []);
  if (directory === undefined || files.length === 0) return undefined;
  await giveTo(directory, user);
  const target = home === undefined ? undefined : PodVolumes.safeHostPath(mounts, home);
  if (target === undefined) return directory;
  mkdirSync(target, { recursive: true });
  await copyToHome(directory, target, user);
  return undefined;
}
