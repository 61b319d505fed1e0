import { badRequest } from '../status.ts';

/** One field of a message: bytes where it has a length, else a number. */
export interface WireField {
  readonly number: number;
  readonly bytes: Buffer | undefined;
  readonly value: number | undefined;
}

/** Reads protobuf's wire format (protobuf.dev/programming-guides/encoding). */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** @throws RangeError where the bytes end too early */
  *fields(): Generator<WireField> {
    while (this.#at < this.#bytes.length) {
      const tag = this.#varint();
      const number = Math.floor(tag / 8);
      switch (tag % 8) {
        case 0:
          yield { number, bytes: undefined, value: this.#varint() };
          break;
        case 1:
          yield { number, bytes: undefined, value: this.#bytes.readDoubleLE(this.#skip(8)) };
          break;
        case 2:
          yield { number, bytes: this.#block(), value: undefined };
          break;
        case 5:
          yield { number, bytes: undefined, value: this.#bytes.readFloatLE(this.#skip(4)) };
          break;
        default:
          throw badRequest('the body in protobuf cannot be read');
      }
    }
  }

  #skip(length: number): number {
    const from = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new RangeError('ends too early');
    return from;
  }

  #block(): Buffer {
    const length = this.#varint();
    const from = this.#skip(length);
    return this.#bytes.subarray(from, from + length);
  }

  /** A whole number; negative ones come as ten bytes of two's complement. */
  #varint(): number {
    let result = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes.readUInt8(this.#skip(1));
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, result));
    }
    throw badRequest('the body in protobuf has a number that is too long');
  }
}
