import { createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { controllerOf, kinds, type Pod } from '@tagboat/api';
import {
  environmentNamespace,
  isTaskAccess,
  type Model,
  runLabels,
  type TaskAccess,
  taskAccessLabel,
} from '@tagboat/render';
import type { Reader } from '@tagboat/store';
import { sameSecret, secretFile } from './secrets.ts';

/** How far the token of a task reaches that runs code of the user, which could read it. */
export interface TaskScope {
  /** `sources`: the project's repositories, to read; `artifacts`: what its model is made of; `releases`: also what is deployed of it, to read. */
  readonly access: TaskAccess;
  readonly model: string;
}

/** Who asks. A run's pod may do less than the owner, and only in its own namespace. */
export type Identity =
  | { readonly kind: 'owner' }
  | {
      readonly kind: 'pod';
      readonly namespace: string;
      readonly pod: string;
      /** The only repository that may be read, and nothing else: the pod runs an outside contributor's code. */
      readonly onlyReads?: string;
      /** The workbench whose pod it is: its user also looks at the project's runs, and starts them. */
      readonly workbench?: { readonly name: string; readonly environments: readonly string[] };
      /** Its task runs code of the user. */
      readonly scope?: TaskScope;
    }
  /** Whoever has a share link: sees what `/shared/<namespace>/<model>` shows, and nothing else. */
  | { readonly kind: 'share'; readonly namespace: string; readonly model: string };

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

  /** A key for another purpose, that says nothing about this one. */
  keyFor(purpose: string): Uint8Array {
    return createHmac('sha256', this.#key).update(`key for ${purpose}`).digest();
  }

  /** Who an `Authorization` header stands for, or undefined. */
  async identify(header: string | undefined): Promise<Identity | undefined> {
    const token = tokenOf(header);
    if (token === undefined) return undefined;
    if (sameSecret(token, this.owner)) return { kind: 'owner' };
    const [kind, payload, signature] = token.split('.');
    if (kind !== 'run' || !payload || !signature || !sameSecret(signature, this.#sign(payload)))
      return undefined;
    const [uid, namespace, name] = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as string[];
    const pod = await this.#reader.get<Pod>({ type: kinds.Pod, namespace: namespace!, name: name! });
    const over = ['Succeeded', 'Failed'].includes(pod?.status?.phase ?? '');
    if (!pod || pod.metadata.uid !== uid || over) return undefined;
    const { labels = {} } = pod.metadata;
    const owner = controllerOf(pod);
    const access = labels[taskAccessLabel];
    return {
      kind: 'pod',
      namespace: namespace!,
      pod: name!,
      ...(labels[runLabels.untrusted] === 'true' ? { onlyReads: labels[runLabels.repository] ?? '' } : {}),
      ...(isTaskAccess(access) ? { scope: { access, model: labels[runLabels.model] ?? '' } } : {}),
      ...(owner?.kind === 'Notebook'
        ? { workbench: { name: owner.name, environments: await this.#environmentsOf(namespace!) } }
        : {}),
    };
  }

  /** Where the models of a project are deployed to, as far as that is no project itself. */
  async #environmentsOf(project: string): Promise<string[]> {
    const { items: models } = await this.#reader.list<Model>(kinds.Model, { namespace: project });
    const { items: repositories } = await this.#reader.list(kinds.Repository);
    const projects = new Set(repositories.map(({ metadata }) => metadata.namespace));
    return models
      .flatMap(({ spec }) => (spec?.deploy ?? []).map((target) => environmentNamespace(project, target)))
      .filter((namespace) => !projects.has(namespace));
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
