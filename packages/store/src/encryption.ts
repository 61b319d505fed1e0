import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { chmod, readFile } from 'node:fs/promises';
import { TagboatError, writeFileAtomic } from '@tagboat/base';

const prefix = 'aes256gcm:';

/** Encrypts the stored text of Secrets (AES-256-GCM; nonce, tag and text in base64 behind a prefix). */
export class Secrets {
  readonly #keyFile: string;
  #key: Buffer | undefined;

  private constructor(keyFile: string, key: Buffer | undefined) {
    this.#keyFile = keyFile;
    this.#key = key;
  }

  /** Reads the key; one that is missing is made by `ensureKey`. @throws `Corrupt` for a file that holds none */
  static async open(keyFile: string): Promise<Secrets> {
    const text = await readFile(keyFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return new Secrets(keyFile, undefined);
    const key = Buffer.from(text.trim(), 'base64');
    if (key.length !== 32)
      throw new TagboatError(`expected a 32-byte key in base64 in ${keyFile}`, {
        reason: 'Corrupt',
        hint: 'restore it from a backup; Secrets cannot be read without it',
      });
    return new Secrets(keyFile, key);
  }

  /** Makes the key where there is none. To be called when all that is stored was read: a lost key is not replaced. */
  async ensureKey(): Promise<void> {
    if (this.#key) return;
    const key = randomBytes(32);
    await writeFileAtomic(this.#keyFile, `${key.toString('base64')}\n`, 0o600);
    await chmod(this.#keyFile, 0o600);
    this.#key = key;
  }

  /** @throws `Corrupt` before `ensureKey` where there is no key */
  encrypt(text: string): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#present(), nonce);
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return prefix + Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64');
  }

  /** Text that was never encrypted comes back as it is. @throws `Corrupt` where the key is lost or does not fit. */
  decrypt(text: string): string {
    if (!text.startsWith(prefix)) return text;
    const key = this.#present();
    const bytes = Buffer.from(text.slice(prefix.length), 'base64');
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
      decipher.setAuthTag(bytes.subarray(12, 28));
      return decipher.update(bytes.subarray(28), undefined, 'utf8') + decipher.final('utf8');
    } catch (cause) {
      throw new TagboatError('a stored Secret cannot be decrypted with this key file', {
        reason: 'Corrupt',
        cause,
        hint: 'restore the key file that belongs to this store',
      });
    }
  }

  #present(): Buffer {
    if (this.#key) return this.#key;
    throw new TagboatError(`the key ${this.#keyFile} that stored Secrets are encrypted with is missing`, {
      reason: 'Corrupt',
      hint: 'put that very file back, or restore a backup: tagboat restore FILE',
    });
  }
}
