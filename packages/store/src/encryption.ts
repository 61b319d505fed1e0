import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { chmod, readFile } from 'node:fs/promises';
import { TagboatError, writeFileAtomic } from '@tagboat/base';

const prefix = 'aes256gcm:';

/** Encrypts the stored text of Secrets (AES-256-GCM; nonce, tag and text in base64 behind a prefix). */
export class Secrets {
  readonly #key: Buffer;

  private constructor(key: Buffer) {
    this.#key = key;
  }

  static async open(keyFile: string): Promise<Secrets> {
    try {
      const key = Buffer.from((await readFile(keyFile, 'utf8')).trim(), 'base64');
      if (key.length !== 32)
        throw new TagboatError(`expected a 32-byte key in base64 in ${keyFile}`, {
          reason: 'Corrupt',
          hint: 'restore it from a backup; Secrets cannot be read without it',
        });
      return new Secrets(key);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      const key = randomBytes(32);
      await writeFileAtomic(keyFile, `${key.toString('base64')}\n`, 0o600);
      await chmod(keyFile, 0o600);
      return new Secrets(key);
    }
  }

  encrypt(text: string): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return prefix + Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64');
  }

  /** Text that was never encrypted comes back as it is. @throws `Corrupt` when the key does not fit. */
  decrypt(text: string): string {
    if (!text.startsWith(prefix)) return text;
    const bytes = Buffer.from(text.slice(prefix.length), 'base64');
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, 12));
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
}
