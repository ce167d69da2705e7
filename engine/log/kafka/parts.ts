/**
 * Results that are larger than a record may be are written as several records of one transaction, one behind the other, with the key
 *
 *   "part INDEX/COUNT"
 *
 * Nothing else of the topic has keys, and nobody else writes between them, as a partition's results have one writer.
 */

/** Room for a record's header and its batch's. */
const OVERHEAD_BYTES = 1024;

export interface Part { key: string | null; value: Uint8Array }

export function splitIntoParts(value: Uint8Array, messageBytesMax: number): Part[] {
  const room = messageBytesMax - OVERHEAD_BYTES;
  if (value.length <= room) return [{ key: null, value }];
  const count = Math.ceil(value.length / room);
  return Array.from({ length: count }, (_, index) => ({ key: `part ${index}/${count}`, value: value.subarray(index * room, (index + 1) * room) }));
}

export function partOf(key: Uint8Array): { index: number; count: number } | undefined {
  const [, index, count] = /^part (\d+)\/(\d+)$/.exec(Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')) ?? [];
  return index === undefined ? undefined : { index: Number(index), count: Number(count) };
}
