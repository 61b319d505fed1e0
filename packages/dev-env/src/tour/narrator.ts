import { formatDuration, TagboatError } from '@tagboat/base';

const isTerminal = process.stdout.isTTY === true;
const styled = (code: number) => (text: string) => (isTerminal ? `\u001b[${code}m${text}\u001b[0m` : text);
const [bold, dim, green, red, cyan] = [1, 2, 32, 31, 36].map(styled) as [
  (text: string) => string,
  (text: string) => string,
  (text: string) => string,
  (text: string) => string,
  (text: string) => string,
];

/** Tells the tour in the terminal; each claim is checked as it is made. */
export class Narrator {
  readonly #started = performance.now();
  #scene = 0;
  #claims = 0;

  /** A new scene, with what it is about in a sentence or two. */
  scene(title: string, text: string): void {
    this.#write(`\n${bold(`${++this.#scene}. ${title}`)}\n${text}\n`);
  }

  /** A command as its user types it. */
  command(line: string): void {
    this.#write(`${cyan(`$ ${line}`)}`);
  }

  /** What a command said, at most so many lines of it. */
  output(text: string, lines = 8): void {
    for (const line of text.trim().split('\n').slice(-lines)) this.#write(dim(`  ${line}`));
  }

  note(text: string): void {
    this.#write(dim(`  ${text}`));
  }

  /** @throws `ClaimFailed` where it does not hold */
  claim(text: string, holds: boolean, found: unknown = ''): void {
    if (!holds) {
      this.#write(red(`✗ ${text}`));
      throw new TagboatError(`the tour claimed "${text}", and found ${describe(found)}`, {
        reason: 'ClaimFailed',
      });
    }
    this.#claims++;
    this.#write(green(`✓ ${text}`));
  }

  end(): void {
    const time = formatDuration(performance.now() - this.#started);
    this.#write(`\n${bold(`The end: ${this.#claims} claims, all checked, in ${time}.`)}`);
  }

  #write(line: string): void {
    process.stdout.write(`${line}\n`);
  }
}

const describe = (found: unknown) => (typeof found === 'string' ? found : JSON.stringify(found));
