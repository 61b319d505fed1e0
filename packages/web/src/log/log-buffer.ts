/** Some whole lines as they came, with where each begins. */
interface Piece {
  readonly text: string;
  readonly starts: Uint32Array;
  readonly firstLine: number;
}

export interface LogLine {
  readonly number: number;
  /** RFC 3339, where the log has times. */
  readonly time: string;
  readonly text: string;
}

/**
 * The lines of a log, kept as the text they came in: a million lines cost their text and four bytes each.
 * Line numbers count from 1.
 */
export class LogBuffer {
  readonly #pieces: Piece[] = [];
  #rest = '';
  #lines = 0;

  /** How many whole lines there are. */
  get length(): number {
    return this.#lines;
  }

  /** @returns how many lines were completed */
  append(text: string): number {
    const all = this.#rest + text;
    const end = all.lastIndexOf('\n') + 1;
    this.#rest = all.slice(end);
    if (end === 0) return 0;
    return this.#add(all.slice(0, end));
  }

  /** The text after the last line end becomes a line too. */
  end(): void {
    if (this.#rest !== '') this.#add(`${this.#rest}\n`);
    this.#rest = '';
  }

  #add(text: string): number {
    const starts: number[] = [];
    for (let at = 0; at < text.length; at = text.indexOf('\n', at) + 1) starts.push(at);
    this.#pieces.push({ text, starts: Uint32Array.from(starts), firstLine: this.#lines + 1 });
    this.#lines += starts.length;
    return starts.length;
  }

  /** @param number from 1 to `length` */
  line(number: number): LogLine {
    const piece = this.#pieceOf(number);
    const index = number - piece.firstLine;
    const start = piece.starts[index]!;
    const end = (piece.starts[index + 1] ?? piece.text.length) - 1;
    return { number, ...splitTime(piece.text.slice(start, end)) };
  }

  #pieceOf(number: number): Piece {
    let low = 0;
    let high = this.#pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#pieces[middle]!.firstLine <= number) low = middle;
      else high = middle - 1;
    }
    return this.#pieces[low]!;
  }

  /** The numbers of the lines that contain `words` in any case, at most `limit`; yields now and then so that the page stays alive. */
  async *search(words: string, limit: number): AsyncGenerator<number[]> {
    const wanted = words.toLowerCase();
    let found = 0;
    for (const piece of [...this.#pieces]) {
      const numbers = searchPiece(piece, wanted);
      found += numbers.length;
      if (numbers.length > 0) yield numbers.slice(0, numbers.length - Math.max(0, found - limit));
      if (found >= limit) return;
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
}

function searchPiece({ text, starts, firstLine }: Piece, wanted: string): number[] {
  const lower = text.toLowerCase();
  // A few letters change their length in lower case; then each line is looked at by itself.
  if (lower.length !== text.length)
    return [...starts].flatMap((start, index) =>
      text
        .slice(start, starts[index + 1])
        .toLowerCase()
        .includes(wanted)
        ? [firstLine + index]
        : [],
    );
  const numbers: number[] = [];
  let index = 0;
  for (
    let at = lower.indexOf(wanted);
    at >= 0;
    at = lower.indexOf(wanted, starts[index + 1] ?? lower.length)
  ) {
    while (index + 1 < starts.length && starts[index + 1]! <= at) index++;
    const textStart = starts[index]! + timeLength(text, starts[index]!);
    if (at >= textStart || lower.slice(textStart, starts[index + 1]).includes(wanted))
      numbers.push(firstLine + index);
    if (index + 1 >= starts.length) break;
  }
  return numbers;
}

const timePattern = /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) /;

const timeLength = (text: string, start: number): number =>
  timePattern.exec(text.slice(start, start + 40))?.[0].length ?? 0;

function splitTime(line: string): { time: string; text: string } {
  const length = timeLength(line, 0);
  const text = line.slice(length);
  // A progress bar draws over itself: what it drew last is what a terminal shows.
  const last = text.lastIndexOf('\r', text.length - 2);
  return { time: line.slice(0, Math.max(0, length - 1)), text: last >= 0 ? text.slice(last + 1) : text };
}
