/**
 * Results that are larger than a record may be are written as several records of one transaction, one behind the other, with the key
 *
 *   "part INDEX/COUNT"
 *
 * Nothing else of the topic has keys, and nobody else writes between them, as a partition's results have one writer.
 */

import { LogError, type Append } from '../log.js';
import type { OutgoingRecord } from './appender.js';
import type { Topics } from './topics.js';

/** Room for a record's header and its batch's. */
const OVERHEAD_BYTES = 1024;

/** `first`: of those that one record became. */
export interface Outgoing { record: OutgoingRecord; first: boolean }

/** Throws LogError `unavailable` for a record of another topic that is too large: its sender is told, and nothing of it is written. */
export function outgoingRecords(appends: Append[], topics: Topics): Outgoing[] {
  const { messageBytesMax } = topics;
  return appends.flatMap(({ topic, partition, value, key = null }) => {
    if (topic !== 'results' && value.length > messageBytesMax - OVERHEAD_BYTES) {
      throw new LogError('unavailable', `a record of ${value.length} bytes is more than ${topics.name(topic)} takes (${messageBytesMax})`);
    }
    const parts = topic === 'results' ? splitIntoParts(value, messageBytesMax) : [{ key, value }];
    return parts.map((part, index) => ({ record: { topic: topics.name(topic), partition, ...part }, first: index === 0 }));
  });
}

/** Where each of the records is that were asked for. */
export const firstOffsets = (outgoing: Outgoing[], offsets: number[]): number[] => offsets.filter((_, index) => outgoing[index]!.first);

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
