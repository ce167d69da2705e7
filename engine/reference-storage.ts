/**
 * Reference sets and product contents in the log's named values: written before a set is activated, read again at each start. Contents are kept by hash, so a set that
 * changes rules only costs its rules.
 *
 * Several engines publish: a set of the next number counts when nobody else was first with that number, and whoever was second puts his document again, on top of that set. `newest` is
 * only where to begin looking: there is no gap behind it.
 */
import type { ReferenceSet } from '../schemas/reference.js';
import type { Log } from './log/log.js';
import { initialSet, setFromBytes, setToBytes } from './reference.js';

/** A set with the product contents (by partner ordinal) that the set before it did not have. */
export interface Published { set: ReferenceSet; products: Map<number, Uint8Array> }

const NEWEST = 'reference/newest';

/** False when another set of this number is there. */
export async function saveReference(log: Log, { set, products }: Published): Promise<boolean> {
  for (const [partner, content] of products) await log.putValue(`products/${set.products[partner]!}`, content);
  if (!await log.addValue(`reference/${set.version}`, setToBytes(set))) return false;
  await log.putValue(NEWEST, Buffer.from(String(set.version)));
  return true;
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
      const content = await log.getValue(`products/${hash}`);
      if (!content) throw new Error(`products ${hash} of partner ${set.partners[Number(partner)]!.id} are missing in the log`);
      products.set(Number(partner), content);
    }
    known = set.products;
    found.push({ set, products });
  }
}
