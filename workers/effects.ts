/**
 * Effects: what a command decided, as bytes. Everything that changes the state of a partition is one of these operations, live and at recovery (apply.ts reads them).
 *
 *   open         ordinal, program                        a new account
 *   card         ordinal, program, text                  a card leads to the account
 *   cells        ordinal, n × (key1, key2, addition)     points, counters: additions to integer cells (ledger/cells.ts)
 *   seen         id hash (4 × u32), content hash (2 × u32), row      a transaction was decided; its fact is that row of this batch
 *   wait         key, bytes                              a return waits for its original
 *   unwait       key
 *   reference    version                                 a reference set became live
 *   flags        ordinal, flags                          account flags (blocked …) are set
 *   skip         text                                    a transaction that kills its worker is set aside: topic:offset:item
 *
 * Integers are LEB128 varints over the full safe range, additions are zigzag.
 */
export const Effect = { open: 1, card: 2, cells: 3, seen: 4, wait: 5, unwait: 6, reference: 7, flags: 8, skip: 9 } as const;

const TWO_20 = 2 ** 20;

export class EffectsWriter {
  bytes = new Uint8Array(1 << 20);
  length = 0;

  clear(): void {
    this.length = 0;
  }
  open(ordinal: number, program: number): void {
    this.reserve(32);
    this.bytes[this.length++] = Effect.open;
    this.varint(ordinal);
    this.varint(program);
  }
  card(ordinal: number, program: number, source: Uint8Array, start: number, length: number): void {
    this.reserve(64 + length);
    this.bytes[this.length++] = Effect.card;
    this.varint(ordinal);
    this.varint(program);
    this.text(source, start, length);
  }
  /** To be followed by exactly `count` calls of cell. */
  cells(ordinal: number, count: number): void {
    this.reserve(32);
    this.bytes[this.length++] = Effect.cells;
    this.varint(ordinal);
    this.varint(count);
  }
  cell(key1: number, key2: number, addition: number): void {
    this.reserve(64);
    const high1 = Math.floor(key1 / TWO_20), high2 = Math.floor(key2 / TWO_20);
    this.varint(high1);
    this.varint(key1 - high1 * TWO_20);
    this.varint(high2);
    this.varint(key2 - high2 * TWO_20);
    if (addition >= 0) {
      this.bytes[this.length++] = 0;
      this.varint(addition);
    } else {
      this.bytes[this.length++] = 1;
      this.varint(-addition);
    }
  }
  oneCell(ordinal: number, key1: number, key2: number, addition: number): void {
    this.cells(ordinal, 1);
    this.cell(key1, key2, addition);
  }
  seen(id: Uint32Array, content: Uint32Array, row: number): void {
    this.reserve(40);
    this.bytes[this.length++] = Effect.seen;
    for (let i = 0; i < 4; i++) this.uint32(id[i]!);
    this.uint32(content[0]!);
    this.uint32(content[1]!);
    this.varint(row);
  }
  wait(key: Uint8Array, value: Uint8Array): void {
    this.reserve(32 + key.length + value.length);
    this.bytes[this.length++] = Effect.wait;
    this.text(key, 0, key.length);
    this.text(value, 0, value.length);
  }
  unwait(key: Uint8Array): void {
    this.reserve(32 + key.length);
    this.bytes[this.length++] = Effect.unwait;
    this.text(key, 0, key.length);
  }
  reference(version: number): void {
    this.reserve(16);
    this.bytes[this.length++] = Effect.reference;
    this.varint(version);
  }
  flags(ordinal: number, flags: number): void {
    this.reserve(32);
    this.bytes[this.length++] = Effect.flags;
    this.varint(ordinal);
    this.varint(flags);
  }

  skip(place: Uint8Array): void {
    this.reserve(32 + place.length);
    this.bytes[this.length++] = Effect.skip;
    this.text(place, 0, place.length);
  }

  private text(source: Uint8Array, start: number, length: number): void {
    this.varint(length);
    for (let i = 0; i < length; i++) this.bytes[this.length + i] = source[start + i]!;
    this.length += length;
  }
  private uint32(value: number): void {
    const { bytes } = this;
    let at = this.length;
    bytes[at++] = value;
    bytes[at++] = value >>> 8;
    bytes[at++] = value >>> 16;
    bytes[at++] = value >>> 24;
    this.length = at;
  }
  private varint(value: number): void {
    const { bytes } = this;
    let at = this.length;
    while (value >= 0x80000000) {
      bytes[at++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    let rest = value | 0;
    while (rest > 127) {
      bytes[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.length = at;
  }
  private reserve(size: number): void {
    if (this.length + size <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + size));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}

export class EffectsReader {
  at = 0;
  constructor(public bytes: Uint8Array = new Uint8Array(0)) {}

  varint(): number {
    const { bytes } = this;
    let byte = bytes[this.at++]!;
    if (byte < 128) return byte;
    let value = byte & 127, scale = 128;
    do {
      byte = bytes[this.at++]!;
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte >= 128);
    return value;
  }
  key(): number {
    return this.varint() * TWO_20 + this.varint();
  }
  addition(): number {
    return this.bytes[this.at++] === 0 ? this.varint() : -this.varint();
  }
  uint32(): number {
    const { bytes } = this;
    const at = this.at;
    this.at = at + 4;
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
  }
  /** A view of the bytes of a text. */
  text(): Uint8Array {
    const length = this.varint();
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}
