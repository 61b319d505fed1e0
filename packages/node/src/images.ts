import { TagboatError } from '@tagboat/base';

/** What a container runs in. */
export type ResolvedImage =
  /** Tools of the host, for images that are only toolboxes. */
  | { readonly kind: 'host'; readonly name: string }
  /** An unpacked image. */
  | {
      readonly kind: 'rootfs';
      readonly digest: string;
      readonly directory: string;
      readonly config: ImageConfig;
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

/** Fetches and unpacks an image; the same digest always gives the same directory. @throws `ImagePullFailed` */
export type ImageSource = (reference: string) => Promise<Extract<ResolvedImage, { kind: 'rootfs' }>>;

/**
 * Images whose steps run with the host's own tools, by repository name without registry and tag. They are toolboxes:
 * a shell, git, Python, curl; nothing in them depends on the image's own files.
 */
const toolboxes = new Set([
  'tagboat',
  'alpine',
  'alpine/git',
  'alpine/git-init',
  'bash',
  'busybox',
  'debian',
  'ubuntu',
  'fedora',
  'ubi8',
  'ubi9',
  'ubi8/ubi-minimal',
  'ubi9/ubi-minimal',
  'ubi8/python-311',
  'ubi9/python-311',
  'python',
  'curlimages/curl',
  'git-init',
  'mirror.gcr.io/ubuntu',
  'mirror.gcr.io/bash',
  'mirror.gcr.io/busybox',
  'mirror.gcr.io/alpine',
]);

/** The toolbox that an image name stands for, or undefined when the image itself is needed. */
export function toolboxOf(image: string): string | undefined {
  const name = image.replace(/@sha256:.*$/, '').replace(/:[^/:]*$/, '');
  const plain = name.replace(/^(docker\.io|registry\.access\.redhat\.com|cgr\.dev\/chainguard)\//, '');
  const short = plain.replace(/^library\//, '');
  if (toolboxes.has(short)) return short.split('/').at(-1);
  return /\/tagboat$/.test(short) ? 'tagboat' : undefined;
}

/** The image of a container. @throws `ImagePullFailed` saying where it was looked for. */
export async function resolveImage(image: string | undefined, source: ImageSource): Promise<ResolvedImage> {
  if (!image)
    throw new TagboatError('expected an image for the container, found none', {
      reason: 'InvalidImageName',
      retryable: false,
    });
  const toolbox = toolboxOf(image);
  if (toolbox) return { kind: 'host', name: toolbox };
  return source(image);
}
