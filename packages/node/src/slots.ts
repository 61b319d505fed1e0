import type { Pod } from '@tagboat/api';

/** What a task takes that says nothing, in thousandths of a CPU. */
const usual = 100;
/** Tagboat's own steps train and build: each counts as a whole CPU. */
const heavy = 1000;

/** CPU that a task's pod takes: its largest step's, since they run one after the other, and its sidecars'. */
export function cpuOfPod(pod: Pod): number {
  const containers = pod.spec?.containers ?? [];
  const of = (sidecar: boolean) =>
    containers
      .filter(({ name }) => name.startsWith('sidecar-') === sidecar)
      .map(({ resources, image = '' }) => {
        const asked = resources?.requests?.cpu ?? resources?.limits?.cpu;
        if (asked !== undefined) return thousandths(String(asked));
        return sidecar ? 0 : /(^|\/)tagboat(:|@|$)/.test(image) ? heavy : usual;
      });
  return Math.max(usual, ...of(false)) + of(true).reduce((sum, cpu) => sum + cpu, 0);
}

function thousandths(text: string): number {
  const value = text.endsWith('m') ? Number(text.slice(0, -1)) : Number(text) * 1000;
  return Number.isFinite(value) && value >= 0 ? value : usual;
}

interface Waiting {
  readonly cpu: number;
  readonly enter: () => void;
}

/** Task pods share this node's CPUs by what they ask for; those for which there is no room wait in the order they came. */
export class Slots {
  readonly #capacity: number;
  #free: number;
  #waiting: Waiting[] = [];

  /** @param capacity in thousandths of a CPU */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#free = capacity;
  }

  fits(cpu: number): boolean {
    return this.#waiting.length === 0 && this.#free >= this.#bounded(cpu);
  }

  /** Resolves when there is room; call the result to make room again. Rejects when the signal aborts first. */
  async take(signal: AbortSignal, cpu: number): Promise<() => void> {
    const wanted = this.#bounded(cpu);
    if (this.fits(wanted)) this.#free -= wanted;
    else
      await new Promise<void>((resolve, reject) => {
        const waiting: Waiting = {
          cpu: wanted,
          enter: () => {
            signal.removeEventListener('abort', leave);
            resolve();
          },
        };
        const leave = () => {
          this.#waiting = this.#waiting.filter((other) => other !== waiting);
          this.#admit();
          reject(signal.reason);
        };
        this.#waiting.push(waiting);
        signal.addEventListener('abort', leave, { once: true });
      });
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#free += wanted;
      this.#admit();
    };
  }

  #admit(): void {
    while (this.#waiting.length > 0 && this.#waiting[0]!.cpu <= this.#free) {
      const next = this.#waiting.shift()!;
      this.#free -= next.cpu;
      next.enter();
    }
  }

  /** A task that asks for more than there is runs alone. */
  #bounded(cpu: number): number {
    return Math.min(cpu, this.#capacity);
  }
}
