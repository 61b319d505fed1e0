import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sha256, writeFileAtomic } from '@tagboat/base';

/** A signed-in browser is asked again after this many milliseconds. */
export const sessionLifetime = 30 * 24 * 3600_000;
const mostSessions = 100;

interface Session {
  readonly hash: string;
  readonly expires: number;
}

/** The browsers that are signed in, kept as hashes over restarts; the oldest goes when there are too many. */
export class Sessions {
  readonly #file: string;
  readonly #clock: Clock;
  #sessions: readonly Session[];
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: string, clock: Clock, sessions: readonly Session[]) {
    this.#file = file;
    this.#clock = clock;
    this.#sessions = sessions;
  }

  static async open(home: string, clock: Clock): Promise<Sessions> {
    const file = join(home, 'config', 'sessions.json');
    return new Sessions(file, clock, await readSessions(file));
  }

  /** @returns the secret for the browser's cookie, on disk before it is handed out */
  async start(): Promise<string> {
    const secret = randomBytes(24).toString('base64url');
    const session = { hash: sha256(secret), expires: this.#clock.now() + sessionLifetime };
    await this.#keep([...this.#live(), session].slice(-mostSessions));
    return secret;
  }

  has(secret: string): boolean {
    const hash = sha256(secret);
    return this.#live().some((session) => session.hash === hash);
  }

  /** Ends a session: its cookie is worth nothing from now on, wherever a copy of it is. */
  async end(secret: string): Promise<void> {
    const hash = sha256(secret);
    await this.#keep(this.#live().filter((session) => session.hash !== hash));
  }

  #live(): Session[] {
    const now = this.#clock.now();
    return this.#sessions.filter(({ expires }) => expires > now);
  }

  async #keep(sessions: readonly Session[]): Promise<void> {
    this.#sessions = sessions;
    const write = () => writeFileAtomic(this.#file, JSON.stringify(this.#sessions), 0o600);
    this.#writing = this.#writing.then(write, write);
    await this.#writing;
  }
}

/** A file that cannot be read only means signing in again. */
async function readSessions(file: string): Promise<Session[]> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return Array.isArray(value) ? value.filter(isSession) : [];
  } catch {
    return [];
  }
}

const isSession = (value: unknown): value is Session =>
  typeof (value as Session | null)?.hash === 'string' && typeof (value as Session).expires === 'number';
