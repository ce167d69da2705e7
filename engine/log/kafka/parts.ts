/**
 * Results, and what a snapshot holds under a key, may be larger than a record may be. Then they are written as several records of one transaction, one behind the other, with the keys
 *
 *   "part INDEX/COUNT"     results, which have no keys otherwise
 *   "KEY part INDEX/COUNT" snapshots
 *
 * Nobody else writes between them, as both have one writer for each partition. Parts of an older value that compaction left behind are not whole, or come before the newer one.
 */

import { LogError, type Append, type Topic } from '../log.js';
import type { OutgoingRecord } from './appender.js';
import type { TopicPartition } from './client.js';
import type { Topics } from './topics.js';

/** Room for a record's header and its batch's. */
const OVERHEAD_BYTES = 1024;

export const isKeyed = (topic: Topic): boolean => topic === 'snapshots';
export const keyText = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');

/** `first`: of those that one record became. */
export interface Outgoing { record: OutgoingRecord; first: boolean }

/** Throws LogError `unavailable` for a record of another topic that is too large: its sender is told, and nothing of it is written. */
export function outgoingRecords(appends: Append[], topics: Topics): Outgoing[] {
  const { messageBytesMax } = topics;
  return appends.flatMap(({ topic, partition, value, key = null }) => {
    const mayBeSplit = topic === 'results' || isKeyed(topic);
    if (!mayBeSplit && value.length > messageBytesMax - OVERHEAD_BYTES) {
      throw new LogError('unavailable', `a record of ${value.length} bytes is more than ${topics.name(topic)} takes (${messageBytesMax})`);
    }
    const parts = mayBeSplit ? splitIntoParts(key, value, messageBytesMax) : [{ key, value }];
    return parts.map((part, index) => ({ record: { topic: topics.name(topic), partition, ...part }, first: index === 0 }));
  });
}

export const numbers = (assigned: TopicPartition[]): number[] => assigned.map(({ partition }) => partition);
/** Where each of the records is that were asked for. */
export const firstOffsets = (outgoing: Outgoing[], offsets: number[]): number[] => offsets.filter((_, index) => outgoing[index]!.first);

export interface Part { key: string | null; value: Uint8Array }

export function splitIntoParts(key: string | null, value: Uint8Array, messageBytesMax: number): Part[] {
  const room = messageBytesMax - OVERHEAD_BYTES;
  if (value.length <= room) return [{ key, value }];
  const count = Math.ceil(value.length / room), prefix = key === null ? '' : `${key} `;
  return Array.from({ length: count }, (_, index) => ({ key: `${prefix}part ${index}/${count}`, value: value.subarray(index * room, (index + 1) * room) }));
}

/** `key`: of the whole; undefined where it has none. */
export function partOf(recordKey: Uint8Array): { key: Uint8Array | undefined; index: number; count: number } | undefined {
  const [, key, index, count] = /^(?:(.+) )?part (\d+)\/(\d+)$/.exec(keyText(recordKey)) ?? [];
  return index === undefined ? undefined : { key: key === undefined ? undefined : recordKey.subarray(0, key.length), index: Number(index), count: Number(count) };
}
