import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Clock } from '@tagboat/base';

/** A workbench and its life: one that is deleted and made again is another. */
export interface PassSubject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

interface Payload extends PassSubject {
  readonly use: 'ticket' | 'cookie';
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

const ticketLife = 60_000;
const cookieLife = 12 * 3_600_000;

/**
 * Signed passes to workbenches: a ticket, good once and for a minute, and the cookie that it is exchanged for. Cookies
 * outlive this process, used tickets need not: they expire first.
 */
export class Passes {
  readonly #key: Uint8Array;
  readonly #clock: Clock;
  readonly #used = new Map<string, number>();

  constructor(key: Uint8Array, clock: Clock) {
    this.#key = key;
    this.#clock = clock;
  }

  ticket(subject: PassSubject): string {
    return this.#make({ ...subject, use: 'ticket', id: randomUUID(), until: this.#clock.now() + ticketLife });
  }

  /** @returns true once for each ticket of this workbench that is still good */
  redeem(ticket: string, subject: PassSubject): boolean {
    const payload = this.#read(ticket, 'ticket', subject);
    if (!payload || this.#used.has(payload.id)) return false;
    const now = this.#clock.now();
    for (const [id, until] of this.#used) if (until < now) this.#used.delete(id);
    this.#used.set(payload.id, payload.until);
    return true;
  }

  cookie(subject: PassSubject): string {
    return this.#make({ ...subject, use: 'cookie', id: randomUUID(), until: this.#clock.now() + cookieLife });
  }

  /** `renew`: more than half of its life is over. */
  check(cookie: string, subject: PassSubject): 'good' | 'renew' | undefined {
    const payload = this.#read(cookie, 'cookie', subject);
    if (!payload) return undefined;
    return payload.until - this.#clock.now() < cookieLife / 2 ? 'renew' : 'good';
  }

  #make(payload: Payload): string {
    const text = Buffer.from(JSON.stringify(payload)).toString('base64url');
    return `${text}.${this.#sign(text)}`;
  }

  #read(pass: string, use: Payload['use'], subject: PassSubject): Payload | undefined {
    const [text = '', signature = ''] = pass.split('.');
    const expected = Buffer.from(this.#sign(text));
    const found = Buffer.from(signature);
    if (expected.length !== found.length || !timingSafeEqual(expected, found)) return undefined;
    const payload = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Payload;
    const same =
      payload.use === use &&
      payload.namespace === subject.namespace &&
      payload.name === subject.name &&
      payload.uid === subject.uid;
    return same && payload.until > this.#clock.now() ? payload : undefined;
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('base64url');
  }
}
