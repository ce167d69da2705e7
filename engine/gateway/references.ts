/**
 * Publishing of reference data: documents go to the store (engine/reference.ts), the set that it makes goes to every partition. One publication after another, and
 * each is live in every partition before its PUT is answered. Other gateways publish too: a document is put into the newest set, and again when another one was first.
 */
import type { ReferenceSet } from '../../schemas/reference.js';
import type { Engine } from '../engine.js';
import type { Publication, ReferenceStore } from '../reference.js';

export type References = Pick<ReferenceStore, 'set' | 'learn' | 'putProgram' | 'putPartner' | 'putCheckedProducts' | 'putRules'>;
export type Publish = (put: (references: References) => Publication) => Promise<ReferenceSet>;

export function createPublisher(references: References, engine: Engine): Publish {
  let last: Promise<unknown> = Promise.resolve();
  let liveVersion = references.set.version;
  return (put) => {
    const published = last.then(async () => {
      for (;;) {
        references.learn(await engine.newestReference());
        const { set, products, changed } = put(references);
        if (set.version === liveVersion) return set;
        if (!await engine.activate(set, products, !changed)) continue;
        liveVersion = set.version;
        return set;
      }
    });
    last = published.catch(() => undefined);
    return published;
  };
}
