import { type ConfigMap, kinds, type ResourceKey } from '@tagboat/api';
import { describeError, type Logger } from '@tagboat/base';
import type { Reconciler } from '@tagboat/controller';
import type { Reader } from '@tagboat/store';
import {
  builtInDefaults,
  type Defaults,
  defaultsName,
  parseDefaults,
  settingsNamespace,
} from './config-defaults.ts';

const defaultsKey: ResourceKey = { type: kinds.ConfigMap, namespace: settingsNamespace, name: defaultsName };

/** Tekton's settings as they are now; as a reconciler of ConfigMaps it follows them. */
export class Settings implements Reconciler {
  readonly #reader: Reader;
  readonly #log: Logger;
  #defaults: Promise<Defaults> | undefined;
  /** As last read, for who cannot wait. */
  current: Defaults = builtInDefaults;

  constructor(options: { reader: Reader; log: Logger }) {
    this.#reader = options.reader;
    this.#log = options.log;
  }

  /** Settings that cannot be read are logged, and those before them stay: runs go on. */
  defaults(): Promise<Defaults> {
    this.#defaults ??= this.#read();
    return this.#defaults;
  }

  async reconcile({ namespace, name }: ResourceKey): Promise<void> {
    if (namespace !== settingsNamespace || name !== defaultsName) return;
    this.#defaults = this.#read();
    await this.#defaults;
  }

  async #read(): Promise<Defaults> {
    const found = await this.#reader.get<ConfigMap>(defaultsKey);
    try {
      this.current = found?.data ? parseDefaults(found.data) : builtInDefaults;
    } catch (error) {
      this.#log.error(`the ConfigMap ${settingsNamespace}/${defaultsName} is not used`, {
        error: describeError(error),
      });
    }
    return this.current;
  }
}
