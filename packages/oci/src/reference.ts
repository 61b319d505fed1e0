import { type Digest, invalid, parseDigest } from '@tagboat/base';

/** `host[:port]/name[:tag][@digest]`. */
export interface Reference {
  readonly host: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

export const repositoryForm =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
export const tagForm = /^\w[\w.-]{0,127}$/;

/** Reads an image reference; a name without a host is one of docker.io. @throws `Invalid` */
export function parseReference(text: string): Reference {
  const [name, digest] = text.split('@');
  const slash = name!.indexOf('/');
  const first = slash < 0 ? '' : name!.slice(0, slash);
  const hasHost = /[.:]/.test(first) || first === 'localhost';
  const rest = hasHost ? name!.slice(slash + 1) : name!;
  const colon = rest.lastIndexOf(':');
  const path = colon > rest.lastIndexOf('/') ? rest.slice(0, colon) : rest;
  const tag = path === rest ? undefined : rest.slice(colon + 1);
  const repository = hasHost || path.includes('/') ? path : `library/${path}`;
  if (!repositoryForm.test(repository) || (tag !== undefined && !tagForm.test(tag)))
    throw invalid(`expected an image reference such as host/name:tag, found "${text}"`);
  return {
    host: hasHost ? first : 'docker.io',
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest: parseDigest(digest) }),
  };
}
