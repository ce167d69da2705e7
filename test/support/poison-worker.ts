/** A shard's worker that dies of a transaction with the sku `poison`: for tests of the search for offenders. The shard itself is the real one. */
import { Reference } from '../../workers/reference.js';
import type { Transaction } from '../../workers/transaction.js';

export { default } from '../../workers/worker.js';

const { resolveLines } = Reference.prototype;
Reference.prototype.resolveLines = function (this: Reference, t: Transaction): void {
  for (let i = 0; i < t.lineCount; i++) if (t.sku(i) === 'poison') process.exit(3);
  resolveLines.call(this, t);
};
