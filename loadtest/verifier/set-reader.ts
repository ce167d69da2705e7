/**
 * Reads packed reference sets, one after the other. A set holds every document that there is, and the next one differs in few: an item that is byte for byte
 * what stood in its place in the set before is not made again, but is the same object.
 *
 * MessagePack knows where an item ends by its first bytes, so equal bytes are an equal item.
 */
import { unpack } from 'msgpackr';
import type { ReferenceSet } from '../../schemas/reference.js';

interface Item { start: number; end: number; value: unknown }

export class SetReader {
  private bytes: Buffer = Buffer.alloc(0);
  /** Of the set before: the items of each list, and other fields as one item. */
  private items = new Map<string, Item[]>();

  read(packed: Uint8Array): ReferenceSet {
    const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.length), set: Record<string, unknown> = {}, items = new Map<string, Item[]>();
    let { at, count } = headOf(bytes, 0);
    for (let field = 0; field < count; field++) {
      const { value, end } = this.item(bytes, at), name = value as string, known = this.items.get(name) ?? [], read: Item[] = [];
      at = end;
      if (isList(bytes[at]!)) {
        const list = headOf(bytes, at);
        for (at = list.at; read.length < list.count; at = read.at(-1)!.end) read.push(this.item(bytes, at, known[read.length]));
        set[name] = read.map((item) => item.value);
      } else {
        read.push(this.item(bytes, at, known[0]));
        at = read[0]!.end;
        set[name] = read[0]!.value;
      }
      items.set(name, read);
    }
    this.bytes = bytes;
    this.items = items;
    return set as unknown as ReferenceSet;
  }

  private item(bytes: Buffer, start: number, before?: Item): Item {
    if (before) {
      const end = start + before.end - before.start;
      if (end <= bytes.length && this.bytes.compare(bytes, start, end, before.start, before.end) === 0) return { start, end, value: before.value };
    }
    const end = endOf(bytes, start);
    return { start, end, value: unpack(bytes.subarray(start, end)) };
  }
}

const isList = (first: number): boolean => (first & 0xf0) === 0x90 || first === 0xdc || first === 0xdd;
const isMap = (first: number): boolean => (first & 0xf0) === 0x80 || first === 0xde || first === 0xdf;

/** Of a list or map: how many it holds, and where they begin. */
function headOf(bytes: Buffer, at: number): { at: number; count: number } {
  const first = bytes[at]!;
  if (first < 0xa0) return { at: at + 1, count: first & 0xf };
  return first === 0xdc || first === 0xde ? { at: at + 3, count: bytes.readUInt16BE(at + 1) } : { at: at + 5, count: bytes.readUInt32BE(at + 1) };
}

/** Bytes of what begins with 0xc0 … 0xdf and has a fixed length; of what states its length: the bytes of that, negative. 0: no such thing in a set. */
const lengths = [1, 0, 1, 1, -1, -2, -4, 0, 0, 0, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9, 0, 0, 0, 0, 0, -1, -2, -4, 0, 0, 0, 0];

function endOf(bytes: Buffer, start: number): number {
  const first = bytes[start]!;
  if (isList(first) || isMap(first)) {
    const { at, count } = headOf(bytes, start);
    let end = at;
    for (let left = isMap(first) ? 2 * count : count; left > 0; left--) end = endOf(bytes, end);
    return end;
  }
  if (first < 0x80 || first >= 0xe0) return start + 1;
  if (first < 0xc0) return start + 1 + (first & 0x1f);
  const length = lengths[first - 0xc0]!;
  if (length === 0) throw new Error(`byte ${first} at ${start} of a reference set is not known here`);
  return length > 0 ? start + length : start + 1 - length + bytes.readUIntBE(start + 1, -length);
}
