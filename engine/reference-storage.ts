/**
 * Reference sets and product contents in the log's named values: written before a set is activated, read again at each start. Contents are kept by hash, so a set that
 * changes rules only costs its rules.
 */
import type { ReferenceSet } from '../schemas/reference.js';
import type { Log } from './log/log.js';
import { initialSet, setFromBytes, setToBytes } from './reference.js';

/** A set with the product contents (by partner ordinal) that the set before it did not have. */
export interface Published { set: ReferenceSet; products: Map<number, Uint8Array> }

const NEWEST = 'reference/newest';

export async function saveReference(log: Log, { set, products }: Published): Promise<void> {
  for (const [partner, content] of products) await log.putValue(`products/${set.products[partner]!}`, content);
  await log.putValue(`reference/${set.version}`, setToBytes(set));
  await log.putValue(NEWEST, Buffer.from(String(set.version)));
}

/** All sets from version `oldest` on, oldest first; at least the initial one or the newest. */
export async function loadReferences(log: Log, oldest: number): Promise<Published[]> {
  const saved = await log.getValue(NEWEST);
  const newest = saved ? Number(Buffer.from(saved).toString()) : 0;
  const found: Published[] = [];
  let known: ReferenceSet['products'] = {};
  for (let version = Math.min(oldest, newest); version <= newest; version++) {
    const bytes = version === 0 ? undefined : await log.getValue(`reference/${version}`);
    if (!bytes && version > 0) continue; // its PUT was never completed
    const set = bytes ? setFromBytes(bytes) : initialSet();
    const products = new Map<number, Uint8Array>();
    for (const [partner, hash] of Object.entries(set.products)) {
      if (known[Number(partner)] === hash) continue;
      const content = await log.getValue(`products/${hash}`);
      if (!content) throw new Error(`products ${hash} of partner ${set.partners[Number(partner)]!.id} are missing in the log`);
      products.set(Number(partner), content);
    }
    known = set.products;
    found.push({ set, products });
  }
  return found;
}
