/**
 * The seam to reference data (engine/reference.ts): documents in, a new complete set out. Publications go one after another: each builds on the set before, and
 * is live in every partition before its PUT is answered.
 */
import type { ReferenceSet } from '../../schemas/reference.js';
import type { Engine } from '../engine.js';
import type { ProblemError } from './problems.js';

export interface Publication { set: ReferenceSet; /** contents that are new, by partner ordinal */ products: Map<number, Uint8Array> }

/** What putting a document may throw; the gateway makes a problem of it. */
export interface DocumentError extends Error { status: number; errors: ProblemError[] }

export interface References {
  readonly set: ReferenceSet;
  putProgram(id: string, document: unknown): Publication;
  putPartner(id: string, document: unknown): Publication;
  putProducts(partner: string, ndjson: Uint8Array): Publication;
  putRules(document: unknown): Publication;
}

export type Publish = (put: (references: References) => Publication) => Promise<ReferenceSet>;

export function createPublisher(references: References, engine: Engine): Publish {
  let last: Promise<unknown> = Promise.resolve();
  return (put) => {
    const published = last.then(async () => {
      const before = references.set.version;
      const { set, products } = put(references);
      // A document that is published already changes nothing.
      if (set.version !== before) await engine.activate(set, products);
      return set;
    });
    last = published.catch(() => undefined);
    return published;
  };
}
