import { createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type KubernetesObject, kinds, ownedBy } from '@tagboat/api';
import { type Clock, invalid, isReason, notFound } from '@tagboat/base';
import type { Model } from '@tagboat/render';
import type { ResourceStore } from '@tagboat/store';
import { sameSecret, secretFile } from './secrets.ts';

/** On the ConfigMap that stands for a share link: the model it shows. Deleting the ConfigMap revokes the link. */
export const shareLabel = 'tagboat.dev/share';
export const mostDays = 90;
const day = 24 * 3600_000;
const form = /^share\.([\w-]{1,400})\.([\w-]{43})$/;

/** What one link shows, and until when. */
export interface Share {
  /** Of its ConfigMap. */
  readonly name: string;
  readonly namespace: string;
  readonly model: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
  readonly createdAt: string;
}

type ShareObject = KubernetesObject & { data?: Record<string, string> };

/**
 * Links that show one model to somebody without the owner's token: signed, for some days, and worth nothing once
 * their ConfigMap is gone. Nothing that opens anything is stored: a link can be made again from the key.
 */
export class Shares {
  readonly #store: ResourceStore;
  readonly #clock: Clock;
  readonly #key: Buffer;

  private constructor(store: ResourceStore, clock: Clock, key: Buffer) {
    this.#store = store;
    this.#clock = clock;
    this.#key = key;
  }

  static async open(home: string, store: ResourceStore, clock: Clock): Promise<Shares> {
    const key = await secretFile(join(home, 'config', 'share-key'), () =>
      randomBytes(32).toString('base64url'),
    );
    return new Shares(store, clock, Buffer.from(key, 'base64url'));
  }

  /** @throws `NotFound` without the model, `Invalid` for other than 1 to 90 days */
  async create(model: { namespace: string; name: string }, days: number): Promise<Share> {
    if (!Number.isInteger(days) || days < 1 || days > mostDays)
      throw invalid(`expected 1 to ${mostDays} days, found ${days}`);
    const found = await this.#store.get<Model>({ type: kinds.Model, ...model });
    if (!found) throw notFound(`there is no model ${model.namespace}/${model.name}`);
    const expires = Math.floor(this.#clock.now() / 1000) * 1000 + days * day;
    const object: ShareObject = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: `share-${randomBytes(6).toString('hex')}`,
        namespace: model.namespace,
        labels: { [shareLabel]: model.name },
        ownerReferences: [ownedBy(found)],
      },
      data: { model: model.name, expires: new Date(expires).toISOString() },
    };
    return shareOf(await this.#store.create(object))!;
  }

  /** The links of a model that still open something, newest first. */
  async list({ namespace, name }: { namespace: string; name: string }): Promise<Share[]> {
    const { items } = await this.#store.list<ShareObject>(kinds.ConfigMap, {
      namespace,
      labels: [{ key: shareLabel, operator: 'In', values: [name] }],
    });
    return items
      .flatMap((object) => shareOf(object) ?? [])
      .filter(({ expires }) => expires > this.#clock.now())
      .sort((a, b) => b.expires - a.expires);
  }

  /** @throws `NotFound` */
  async revoke({ namespace, name }: { namespace: string; name: string }): Promise<void> {
    const key = { type: kinds.ConfigMap, namespace, name };
    if (!shareOf(await this.#store.get<ShareObject>(key))) throw notFound(`there is no share link ${name}`);
    await this.#store.delete(key);
  }

  /** The token of a link. */
  tokenOf({ namespace, name, model, expires }: Share): string {
    const payload = Buffer.from(JSON.stringify([namespace, name, model, expires])).toString('base64url');
    return `share.${payload}.${this.#sign(payload)}`;
  }

  /** What a token shows, unless it is forged, expired or revoked. */
  async check(token: string): Promise<Share | undefined> {
    const [, payload, signature] = form.exec(token) ?? [];
    if (!payload || !signature || !sameSecret(signature, this.#sign(payload))) return undefined;
    const [namespace, name, model, expires] = JSON.parse(
      Buffer.from(payload, 'base64url').toString('utf8'),
    ) as [string, string, string, number];
    if (expires <= this.#clock.now()) return undefined;
    const share = shareOf(await this.#get(namespace, name));
    return share?.model === model && share.expires === expires ? share : undefined;
  }

  async #get(namespace: string, name: string): Promise<ShareObject | undefined> {
    try {
      return await this.#store.get<ShareObject>({ type: kinds.ConfigMap, namespace, name });
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  #sign(payload: string): string {
    return createHmac('sha256', this.#key).update(`share ${payload}`).digest('base64url');
  }
}

function shareOf(object: ShareObject | undefined): Share | undefined {
  const model = object?.metadata.labels?.[shareLabel];
  const expires = Date.parse(object?.data?.expires ?? '');
  if (!object || !model || object.data?.model !== model || Number.isNaN(expires)) return undefined;
  return {
    name: object.metadata.name,
    namespace: object.metadata.namespace ?? '',
    model,
    expires,
    createdAt: object.metadata.creationTimestamp ?? '',
  };
}
