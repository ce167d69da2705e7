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

const TWO_20 = 2 ** 20, TWO_31 = 2 ** 31;
/** Two keys, each 5 + 3 bytes, the sign and 8 bytes. */
const CELL_BYTES_MAX = 32;
/** Cells are put together here, so many at a time: optimized code knows where an array of the module lies, and would look for the writer's at each byte. */
const CELLS_AT_ONCE = 64, cellBytes = new Uint8Array(CELLS_AT_ONCE * CELL_BYTES_MAX), cellView = new DataView(cellBytes.buffer);

export class EffectsWriter {
  bytes = new Uint8Array(1 << 20);
  length = 0;
  /** Of the same bytes. */
  private view = new DataView(this.bytes.buffer);

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
  /** The first `count` of a list of additions. */
  cells(ordinal: number, count: number, key1: Float64Array, key2: Float64Array, additions: Float64Array): void {
    this.reserve(32 + count * CELL_BYTES_MAX);
    this.bytes[this.length++] = Effect.cells;
    this.varint(ordinal);
    this.varint(count);
    for (let from = 0; from < count; from += CELLS_AT_ONCE) this.append(packCells(from, Math.min(count, from + CELLS_AT_ONCE), key1, key2, additions));
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

  /** The first bytes of `cellBytes`, four at a time; what is too much is written over by what comes next. */
  private append(length: number): void {
    const { view } = this, to = this.length;
    for (let i = 0; i < length; i += 4) view.setInt32(to + i, cellView.getInt32(i));
    this.length = to + length;
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
    while (value >= TWO_31) {
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
    this.view = new DataView(grown.buffer);
  }
}

/** Puts additions into `cellBytes`; returns how many bytes they take. */
function packCells(from: number, end: number, key1: Float64Array, key2: Float64Array, additions: Float64Array): number {
  let at = 0;
  for (let i = from; i < end; i++) {
    const addition = additions[i]!;
    at = putKey(putKey(at, key1[i]!), key2[i]!);
    cellBytes[at] = addition < 0 ? 1 : 0;
    at = putVarint(at + 1, Math.abs(addition));
  }
  return at;
}
/** A key as its upper bits and its lower 20. Returns the place after it, as the others do. */
function putKey(at: number, key: number): number {
  const high = Math.floor(key / TWO_20);
  return putSmall(putVarint(at, high), (key - high * TWO_20) | 0);
}
function putVarint(at: number, value: number): number {
  while (value >= TWO_31) {
    cellBytes[at++] = (value % 128) | 128;
    value = Math.floor(value / 128);
  }
  return putSmall(at, value | 0);
}
function putSmall(at: number, value: number): number {
  while (value > 127) {
    cellBytes[at++] = (value & 127) | 128;
    value >>>= 7;
  }
  cellBytes[at] = value;
  return at + 1;
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
