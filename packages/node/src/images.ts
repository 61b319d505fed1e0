import { TagboatError } from '@tagboat/base';
import type { Login } from '@tagboat/oci';
import { toolboxOf } from './toolboxes.ts';
import type { Mount } from './volumes.ts';

/** What a container runs in. */
export type ResolvedImage =
  /** Tools of the host, for images that are only toolboxes. */
  | {
      readonly kind: 'host';
      readonly name: string;
      /** `ash`: the image's `/bin/sh` is busybox; absent: it is like the host's. */
      readonly shell?: 'ash';
      readonly config?: ImageConfig;
    }
  /** An unpacked image. */
  | {
      readonly kind: 'rootfs';
      readonly digest: string;
      readonly directory: string;
      readonly config: ImageConfig;
    }
  /** An image that a container engine has. */
  | {
      readonly kind: 'engine';
      readonly name: string;
      readonly digest: string;
      readonly config: ImageConfig;
      /** What its containers see besides its own files. */
      readonly mounts?: readonly Mount[];
    };

/** The part of an image's `config` (OCI image spec, config.md) that running it needs. */
export interface ImageConfig {
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

/**
 * Fetches and unpacks an image; the same digest always gives the same directory.
 * `login`: asked for where the image's registry may want one.
 * @throws `ImagePullFailed`
 */
export type ImageSource = (
  reference: string,
  login?: () => Promise<Login | undefined>,
) => Promise<Extract<ResolvedImage, { kind: 'rootfs' }>>;

/** What to do where a registry asks for a login. */
export const loginHint =
  'name a Secret of type kubernetes.io/dockerconfigjson in imagePullSecrets of the pod or of its service account';

/** The image of a container. @throws `ImagePullFailed` saying where it was looked for. */
export async function resolveImage(
  image: string | undefined,
  source: ImageSource,
  login?: () => Promise<Login | undefined>,
): Promise<ResolvedImage> {
  if (!image)
    throw new TagboatError('expected an image for the container, found none', {
      reason: 'InvalidImageName',
      retryable: false,
    });
  const toolbox = toolboxOf(image);
  if (toolbox) return { kind: 'host', ...toolbox };
  return source(image, login);
}

/** The directory of an image's files; '' stands for the host's own. An engine keeps its images to itself. */
export function filesOfImage(image: ResolvedImage): string {
  if (image.kind === 'engine') throw new Error(`the image ${image.name} is the engine's`);
  return image.kind === 'host' ? '' : image.directory;
}
