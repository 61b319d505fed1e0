import { readFile, writeFile } from 'node:fs/promises';
import { type Endpoints, type KubernetesObject, kinds, type Pod, type Service } from '@tagboat/api';
import type { Clock, Logger } from '@tagboat/base';
import { inform } from '@tagboat/controller';
import type { Reader } from '@tagboat/store';

export interface HostsFilesOptions {
  readonly reader: Reader;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The pod that sees a hosts file, and where that is on the host. */
interface OpenFile {
  readonly pod: Pod;
  readonly ip: string;
  readonly path: string;
  text: string;
}

const domain = 'cluster.local';

/**
 * The names of Services for pods (hosts(5)): `web`, `web.shop`, `web.shop.svc` and `web.shop.svc.cluster.local`, as a
 * cluster's DNS answers them. Files are kept true while Services change; a headless Service has the addresses of its pods.
 */
export class HostsFiles implements AsyncDisposable {
  readonly #options: HostsFilesOptions;
  readonly #open = new Set<OpenFile>();
  readonly #stop = new AbortController();
  #following: Promise<unknown> | undefined;
  #writing: Promise<void> = Promise.resolve();
  #stale = false;

  constructor(options: HostsFilesOptions) {
    this.#options = options;
  }

  /** Writes the hosts file of a pod and keeps it true until disposed. */
  async open(pod: Pod, ip: string, path: string): Promise<Disposable> {
    this.#following ??= Promise.all([this.#follow(kinds.Service), this.#follow(kinds.Endpoints)]);
    const file: OpenFile = { pod, ip, path, text: '' };
    this.#open.add(file);
    await this.#refresh([file]);
    return { [Symbol.dispose]: () => this.#open.delete(file) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
    await this.#writing;
  }

  async #follow(type: typeof kinds.Service | typeof kinds.Endpoints): Promise<void> {
    for await (const _ of inform({ ...this.#options, type, signal: this.#stop.signal })) {
      if (this.#stale) continue;
      this.#stale = true;
      this.#writing = this.#writing.then(async () => {
        this.#stale = false;
        await this.#refresh([...this.#open]);
      });
    }
  }

  async #refresh(files: readonly OpenFile[]): Promise<void> {
    if (files.length === 0) return;
    try {
      const { reader } = this.#options;
      const { items: services } = await reader.list<Service>(kinds.Service);
      const { items: endpoints } = await reader.list<Endpoints>(kinds.Endpoints);
      const own = await readFile('/etc/hosts', 'utf8').catch(() => '127.0.0.1 localhost\n');
      for (const file of files) {
        const text = hostsText(file, { own, services, endpoints });
        // Written in place: who has the file mounted sees the same inode.
        if (text !== file.text) await writeFile(file.path, text);
        file.text = text;
      }
    } catch (error) {
      this.#options.log.warn('cannot write the hosts files of pods', { error });
    }
  }
}

interface Named {
  /** The hosts file of this machine, whose network the pods share. */
  readonly own: string;
  readonly services: readonly Service[];
  readonly endpoints: readonly Endpoints[];
}

/** The text of one pod's hosts file. */
export function hostsText({ pod, ip }: Pick<OpenFile, 'pod' | 'ip'>, known: Named): string {
  const { namespace = '', name } = pod.metadata;
  const addresses = new Map(known.endpoints.map((object) => [idOf(object), readyAddresses(object)]));
  const lines = known.services.flatMap((service) => {
    const { clusterIP } = service.spec ?? {};
    const found = clusterIP === 'None' ? (addresses.get(idOf(service)) ?? []) : clusterIP ? [clusterIP] : [];
    return found.map((address) => `${address} ${serviceNames(service, namespace).join(' ')}`);
  });
  const aliases = (pod.spec?.hostAliases ?? []).map(
    ({ ip: address, hostnames = [] }) => `${address} ${hostnames.join(' ')}`,
  );
  return `${[known.own.trimEnd(), ...aliases, `${ip} ${pod.spec?.hostname ?? name}`, ...lines].join('\n')}\n`;
}

const idOf = ({ metadata }: KubernetesObject) => `${metadata.namespace}/${metadata.name}`;

function readyAddresses({ subsets = [] }: Endpoints): string[] {
  return subsets.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip));
}

/** The shortest name is for the Service's own namespace. */
function serviceNames({ metadata }: Service, namespace: string): string[] {
  const whole = `${metadata.name}.${metadata.namespace}`;
  const names = [whole, `${whole}.svc`, `${whole}.svc.${domain}`];
  return metadata.namespace === namespace ? [metadata.name, ...names] : names;
}
