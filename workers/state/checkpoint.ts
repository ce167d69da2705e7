/**
 * What a partition's checkpoint consists of, and where it lies: one LMDB environment for each partition.
 *
 *   "meta"  → Meta, written last        buckets  N → accounts and the batch up to which they hold (bucket.ts)        cards  program and text → ordinal
 *   runs    [run, page] → transactions  due      [day, number] → ordinals
 *
 * The same parts, less the cards, which stand in the buckets anyway, travel as records of a snapshot (schemas/snapshot.ts).
 */
import { open, type Database, type RootDatabase } from 'lmdb';
import { Packr } from 'msgpackr';
import { META, packSnapshot, REMOVED, type SnapshotRecord } from '../../schemas/snapshot.js';
import type { DueChunk, DueKey } from './due-index.js';
import type { Run } from './transaction-index.js';

export interface Meta { floor: number; opened: number; reference: number; clockMs: number; runs: Run[]; waiting: [string, Uint8Array][]; dueFirst: number; skips?: string[] }
/** One slice on its way to disk: written when `batch` is committed. */
export interface Slice {
  batch: number;
  buckets: { bucket: number; saved: Float64Array }[];
  cards: { key: Buffer; ordinal: number }[];
  pages: { run: number; page: number; words: Uint32Array }[];
  meta?: Meta;
  due?: DueChunk[];
  /** Of days that have passed. */
  passed?: DueKey[];
}
export interface Environment {
  root: RootDatabase;
  buckets: Database<Buffer, number>;
  cards: Database<Buffer, Buffer>;
  runs: Database<Buffer, [number, number]>;
  due: Database<Buffer, [number, number]>;
}

const packr = new Packr({ useRecords: false });

export function openEnvironment(directory: string): Environment {
  const root = open({ path: directory, maxDbs: 8, compression: false, encoding: 'msgpack', overlappingSync: false });
  return {
    root,
    buckets: root.openDB({ name: 'buckets', keyEncoding: 'uint32', encoding: 'binary' }),
    cards: root.openDB({ name: 'cards', keyEncoding: 'binary', encoding: 'binary' }),
    runs: root.openDB({ name: 'runs', encoding: 'binary' }),
    due: root.openDB({ name: 'due', encoding: 'binary' }),
  };
}
export function readMeta({ root }: Environment): Meta | undefined {
  const saved = root.get(META) as Buffer | undefined;
  return saved && (packr.unpack(saved) as Meta);
}
/** All of it or nothing. */
export function writeSlice({ root, buckets, cards, runs, due }: Environment, slice: Slice): void {
  root.transactionSync(() => {
    for (const { bucket, saved } of slice.buckets) buckets.putSync(bucket, bytesOf(saved));
    for (const { key, ordinal } of slice.cards) cards.putSync(key, cardEntry(ordinal));
    for (const { run, page, words } of slice.pages) runs.putSync([run, page], bytesOf(words));
    for (const { day, sequence } of slice.passed ?? []) due.removeSync([day, sequence]);
    for (const { day, sequence, ordinals } of slice.due ?? []) due.putSync([day, sequence], bytesOf(ordinals));
    if (slice.meta) root.putSync(META, packr.pack(slice.meta));
  });
}
/** The same for another machine; undefined when there is nothing in it. */
export function snapshotOf(slice: Slice): Uint8Array | undefined {
  const records: SnapshotRecord[] = [
    ...slice.buckets.map(({ bucket, saved }) => ({ key: `bucket/${bucket}`, value: bytesOf(saved) })),
    ...slice.pages.map(({ run, page, words }) => ({ key: `page/${run}/${page}`, value: bytesOf(words) })),
    ...(slice.passed ?? []).map(({ day, sequence }) => ({ key: `due/${day}/${sequence}`, value: REMOVED })),
    ...(slice.due ?? []).map(({ day, sequence, ordinals }) => ({ key: `due/${day}/${sequence}`, value: bytesOf(ordinals) })),
    ...(slice.meta ? [{ key: META, value: packr.pack(slice.meta) }] : []),
  ];
  return records.length === 0 ? undefined : packSnapshot(records);
}

export function cardKey(program: number, text: Uint8Array): Buffer {
  const key = Buffer.alloc(2 + text.length);
  key.writeUInt16BE(program, 0);
  key.set(text, 2);
  return key;
}
export function cardEntry(ordinal: number): Buffer {
  const value = Buffer.alloc(4);
  value.writeUInt32LE(ordinal, 0);
  return value;
}
const bytesOf = (array: Float64Array | Uint32Array | Int32Array): Buffer => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
