/**
 * Publishing of reference data: documents go to the store (engine/reference.ts), the set that it makes goes to every partition. One publication after another, and
 * each is live in every partition before its PUT is answered.
 */
import type { ReferenceSet } from '../../schemas/reference.js';
import type { Engine } from '../engine.js';
import type { Publication, ReferenceStore } from '../reference.js';

export type References = Pick<ReferenceStore, 'set' | 'putProgram' | 'putPartner' | 'putProducts' | 'putRules'>;
export type Publish = (put: (references: References) => Publication) => Promise<ReferenceSet>;

export function createPublisher(references: References, engine: Engine): Publish {
  let last: Promise<unknown> = Promise.resolve();
  let liveVersion = references.set.version;
  /** Contents that the store has taken and the engine has not: kept when an activation fails, so that the next one brings them along. */
  const contents = new Map<number, Uint8Array>();
  return (put) => {
    const published = last.then(async () => {
      const { set, products } = put(references);
      for (const [partner, content] of products) contents.set(partner, content);
      if (set.version === liveVersion) return set;
      await engine.activate(set, new Map(contents));
      liveVersion = set.version;
      contents.clear();
      return set;
    });
    last = published.catch(() => undefined);
    return published;
  };
}
