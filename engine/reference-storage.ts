/**
 * Reference sets and product contents in the log's named values: written before a set is activated, read again at each start. Contents are kept by hash, so a set that
 * changes rules only costs its rules.
 *
 * Several engines publish: a set of the next number counts when nobody else was first with that number, and whoever was second puts his document again, on top of that set. `newest` is
 * only where to begin looking: there is no gap behind it.
 */
import { setImmediate as others } from 'node:timers/promises';
import type { ReferenceSet } from '../schemas/reference.js';
import type { Log } from './log/log.js';
import { initialSet, setFromBytes, setToBytes } from './reference.js';

/** A set with the product contents (by partner ordinal) that the set before it did not have. */
export interface Published { set: ReferenceSet; products: Map<number, Uint8Array> }

const NEWEST = 'reference/newest';
/** A catalog of 50 MB as one value would hold up every commit while it is written and synced, and the main thread while it is read. */
const PART_BYTES = 1 << 20;

/** False when another set of this number is there. */
export async function saveReference(log: Log, { set, products }: Published): Promise<boolean> {
  for (const [partner, content] of products) await saveContent(log, set.products[partner]!, content);
  if (!await log.addValue(`reference/${set.version}`, setToBytes(set))) return false;
  await log.putValue(NEWEST, Buffer.from(String(set.version)));
  return true;
}

/**
 *   products/HASH                                    a small content
 *   products/HASH/0, products/HASH/1 …               parts of a larger one …
 *   products/HASH/parts  → "2"                       … and how many, once all are there
 */
async function saveContent(log: Log, hash: string, content: Uint8Array): Promise<void> {
  if (content.length <= PART_BYTES) return log.putValue(`products/${hash}`, content);
  const parts = Math.ceil(content.length / PART_BYTES);
  for (let part = 0; part < parts; part++) await log.putValue(`products/${hash}/${part}`, content.slice(part * PART_BYTES, (part + 1) * PART_BYTES));
  await log.putValue(`products/${hash}/parts`, Buffer.from(String(parts)));
}
export async function loadContent(log: Pick<Log, 'getValue'>, hash: string): Promise<Uint8Array | undefined> {
  const whole = await log.getValue(`products/${hash}`);
  if (whole) return whole;
  const count = await log.getValue(`products/${hash}/parts`), parts: Uint8Array[] = [];
  if (!count) return undefined;
  for (let part = 0; part < Number(Buffer.from(count).toString()); part++) {
    const bytes = await log.getValue(`products/${hash}/${part}`);
    if (!bytes) return undefined;
    parts.push(bytes);
  }
  return joinParts(parts);
}
/** A part at a time, with time for others in between. */
export async function joinParts(parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const content = new Uint8Array(parts.reduce((bytes, { length }) => bytes + length, 0));
  let at = 0;
  for (const part of parts) {
    content.set(part, at);
    at += part.length;
    await others();
  }
  return content;
}

/** The newest set, when it is newer than one that is known. */
export async function newerReference(log: Log, known: number): Promise<ReferenceSet | undefined> {
  let newest: Uint8Array | undefined;
  for (let version = Math.max(known, await readNewest(log) - 1) + 1; ; version++) {
    const bytes = await log.getValue(`reference/${version}`);
    if (!bytes) return newest && setFromBytes(newest);
    newest = bytes;
  }
}
async function readNewest(log: Log): Promise<number> {
  const saved = await log.getValue(NEWEST);
  return saved ? Number(Buffer.from(saved).toString()) : 0;
}

/** All sets from version `oldest` on, oldest first; at least the initial one or the newest. */
export async function loadReferences(log: Log, oldest: number): Promise<Published[]> {
  const newest = await readNewest(log);
  const found: Published[] = [];
  let known: ReferenceSet['products'] = {};
  for (let version = Math.min(oldest, newest); ; version++) {
    const bytes = version === 0 ? undefined : await log.getValue(`reference/${version}`);
    if (!bytes && version > newest) return found;
    if (!bytes && version > 0) continue; // of an earlier release, whose PUT was never completed
    const set = bytes ? setFromBytes(bytes) : initialSet();
    const products = new Map<number, Uint8Array>();
    for (const [partner, hash] of Object.entries(set.products)) {
      if (known[Number(partner)] === hash) continue;
      const content = await loadContent(log, hash);
      if (!content) throw new Error(`products ${hash} of partner ${set.partners[Number(partner)]!.id} are missing in the log`);
      products.set(Number(partner), content);
    }
    known = set.products;
    found.push({ set, products });
  }
}
