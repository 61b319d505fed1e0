import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isReason, type Logger, shortHash } from '@tagboat/base';
import { InputWindow, type StoredWindow } from './input-window.ts';
import { parseProfile } from './profile.ts';

const version = 1;

interface Stored extends StoredWindow {
  readonly version: number;
  readonly key: string;
  readonly profile: unknown;
}

/**
 * Windows on disk, a file each. A kill loses at most what was counted since the last look, so nothing is synced; a file
 * is replaced as a whole.
 */
export class WindowFiles {
  readonly #directory: string;
  readonly #log: Logger;

  constructor(directory: string, log: Logger) {
    this.#directory = directory;
    this.#log = log;
  }

  async load(): Promise<Map<string, InputWindow>> {
    await mkdir(this.#directory, { recursive: true });
    const windows = new Map<string, InputWindow>();
    for (const name of await readdir(this.#directory)) {
      if (!name.endsWith('.json')) continue;
      const path = join(this.#directory, name);
      try {
        const stored = JSON.parse(await readFile(path, 'utf8')) as Stored;
        if (stored.version !== version) throw new SyntaxError(`it has version ${stored.version}`);
        const profile = parseProfile({ ...Object(stored.profile), version: 1 });
        windows.set(stored.key, new InputWindow(profile, stored));
      } catch (error) {
        if (!(error instanceof SyntaxError) && !isReason(error, 'Invalid')) throw error;
        this.#log.warn('counted inputs cannot be read, and are counted anew', { path, error });
        await rm(path, { force: true });
      }
    }
    return windows;
  }

  async save(key: string, window: InputWindow): Promise<void> {
    const path = this.#path(key);
    const stored: Stored = { version, key, profile: window.profile, ...window.stored() };
    await writeFile(`${path}.new`, JSON.stringify(stored));
    await rename(`${path}.new`, path);
  }

  async remove(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  #path(key: string): string {
    return join(this.#directory, `${shortHash([key], 20)}.json`);
  }
}
