/** Names and types of columns as strings: every block has the same few, so each is decoded once. Bounded: past that the same work is done again. */
import { ByteTable } from '../reference/byte-table.js';

const KNOWN_MAX = 1024;
const table = new ByteTable(KNOWN_MAX), known: string[] = [];

export function columnName(bytes: Uint8Array, start: number, length: number): string {
  const ordinal = table.find(bytes, start, length);
  if (ordinal >= 0) return known[ordinal]!;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('utf8');
  if (known.length < KNOWN_MAX) known[table.add(bytes, start, length)] = text;
  return text;
}

const LIST = /^Array\(Tuple\((.*)\)\)$/;
type Element = readonly [name: string, type: string];
const lists = new Map<string, readonly Element[] | undefined>();

/** The elements of a list by its type; undefined: it is none. */
export function elementsOf(type: string): readonly Element[] | undefined {
  if (lists.has(type)) return lists.get(type);
  const elements = LIST.exec(type)?.[1]!.split(', ').map((element) => element.split(' ') as [name: string, type: string]);
  if (lists.size < KNOWN_MAX) lists.set(type, elements);
  return elements;
}
