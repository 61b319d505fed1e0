import { repositoryForm, tagForm } from '@tagboat/oci';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type BlobStore, DistributionError } from './blob-store.ts';
import { type BlobDigest, isBlobDigest } from './digest.ts';
import type { PushedManifest } from './plugin.ts';

/** One request of the distribution API: `/v2/<repository>/<kind>/<argument>`. */
export interface Call {
  readonly repository: string;
  readonly argument: string;
  readonly request: FastifyRequest<{ Querystring: Record<string, string | undefined> }>;
  readonly reply: FastifyReply;
}

/** Answers by method and kind, such as `GET blobs`. */
export type Handlers = Readonly<Record<string, (call: Call) => Promise<unknown>>>;

export interface HandlerOptions {
  readonly store: BlobStore;
  /** Called after a manifest was written. */
  readonly pushed?: ((repository: string, manifest: PushedManifest) => void) | undefined;
}

export const isRepository = (name: string) => repositoryForm.test(name) && name.length <= 255;

/** @throws `DIGEST_INVALID` */
export function digestParameter(text: string): BlobDigest {
  if (!isBlobDigest(text))
    throw new DistributionError(400, 'DIGEST_INVALID', `expected a digest sha256:..., found "${text}"`);
  return text;
}

export const isTag = (text: string): boolean => tagForm.test(text);
