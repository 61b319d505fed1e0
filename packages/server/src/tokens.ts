import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kinds, type Pod } from '@tagboat/api';
import { invalid, sha256, writeFileAtomic } from '@tagboat/base';
import type { Reader } from '@tagboat/store';

/** Who asks. A run's pod may do less than the owner, and only in its own namespace. */
export type Identity =
  | { readonly kind: 'owner' }
  | { readonly kind: 'pod'; readonly namespace: string; readonly pod: string };

export const ownerTokenFile = (home: string) => join(home, 'config', 'token');

/** Checks the owner's token and the tokens of running pods. */
export class Tokens {
  readonly owner: string;
  readonly #key: Buffer;
  readonly #reader: Reader;

  private constructor(owner: string, key: Buffer, reader: Reader) {
    this.owner = owner;
    this.#key = key;
    this.#reader = reader;
  }

  /** Makes the token and the key where they are missing, with mode 0600. */
  static async open(home: string, reader: Reader): Promise<Tokens> {
    const owner = await secretFile(ownerTokenFile(home), () => randomBytes(24).toString('base64url'));
    const key = await secretFile(join(home, 'config', 'run-key'), () =>
      randomBytes(32).toString('base64url'),
    );
    return new Tokens(owner, Buffer.from(key, 'base64url'), reader);
  }

  /** The token of one pod; it is worth something only while the pod runs. */
  forPod(pod: Pod): string {
    const { uid = '', name, namespace = '' } = pod.metadata;
    const payload = Buffer.from(JSON.stringify([uid, namespace, name])).toString('base64url');
    return `run.${payload}.${this.#sign(payload)}`;
  }

  /** Who an `Authorization` header stands for, or undefined. */
  async identify(header: string | undefined): Promise<Identity | undefined> {
    const token = tokenOf(header);
    if (token === undefined) return undefined;
    if (same(token, this.owner)) return { kind: 'owner' };
    const [kind, payload, signature] = token.split('.');
    if (kind !== 'run' || !payload || !signature || !same(signature, this.#sign(payload))) return undefined;
    const [uid, namespace, name] = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as string[];
    const pod = await this.#reader.get<Pod>({ type: kinds.Pod, namespace: namespace!, name: name! });
    const over = ['Succeeded', 'Failed'].includes(pod?.status?.phase ?? '');
    return pod?.metadata.uid === uid && !over
      ? { kind: 'pod', namespace: namespace!, pod: name! }
      : undefined;
  }

  #sign(payload: string): string {
    return createHmac('sha256', this.#key).update(payload).digest('base64url');
  }
}

/** The token of a Bearer or Basic `Authorization` header; with Basic the user name does not matter. */
export function tokenOf(header: string | undefined): string | undefined {
  const match = /^(Bearer|Basic)\s+(\S+)$/i.exec(header ?? '');
  if (!match) return undefined;
  if (match[1]!.toLowerCase() === 'bearer') return match[2]!;
  const text = Buffer.from(match[2]!, 'base64').toString('utf8');
  return text.slice(text.indexOf(':') + 1);
}

/** Compares digests, so that neither content nor length shows in the time it takes. */
function same(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(sha256(a)), Buffer.from(sha256(b)));
}

async function secretFile(path: string, make: () => string): Promise<string> {
  const found = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found !== undefined) {
    const value = found.trim();
    if (value.length < 16)
      throw invalid(`${path} holds no usable secret`, { hint: 'remove it to make a new one' });
    await chmod(path, 0o600);
    return value;
  }
  const value = make();
  await writeFileAtomic(path, `${value}\n`, 0o600);
  return value;
}
