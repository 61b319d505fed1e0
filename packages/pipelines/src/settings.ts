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
import { flagsName, openFlags, parseFlags } from './feature-flags.ts';

const names: readonly string[] = [defaultsName, flagsName];

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
    if (namespace !== settingsNamespace || !names.includes(name)) return;
    this.#defaults = this.#read();
    await this.#defaults;
  }

  async #read(): Promise<Defaults> {
    const [defaults, flags] = await Promise.all([this.#data(defaultsName), this.#data(flagsName)]);
    const { flags: before, ...others } = this.current;
    const next = {
      ...(this.#parsed(defaultsName, () => (defaults ? parseDefaults(defaults) : builtInDefaults)) ?? others),
      flags: this.#parsed(flagsName, () => (flags ? parseFlags(flags) : openFlags)) ?? before,
    };
    this.current = defaults || flags ? next : builtInDefaults;
    return this.current;
  }

  async #data(name: string): Promise<Record<string, string> | undefined> {
    const key: ResourceKey = { type: kinds.ConfigMap, namespace: settingsNamespace, name };
    return (await this.#reader.get<ConfigMap>(key))?.data;
  }

  #parsed<T>(name: string, parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      this.#log.error(`the ConfigMap ${settingsNamespace}/${name} is not used`, {
        error: describeError(error),
      });
      return undefined;
    }
  }
}
