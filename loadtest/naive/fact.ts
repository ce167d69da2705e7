/** A fact as the naive implementation records it; settlement rows have no transaction. */
import type { Posting } from './ledger.js';
import type { NaiveAward, Receipt } from './rules.js';
import type { NaiveTransaction } from './transaction.js';

export interface NaiveFact {
  kind: 'purchase' | 'return' | 'settlement' | 'import' | 'reconciliation';
  /** Of a return whose purchase never turned up, where the program ignores it. */
  ignored?: true;
  account: string;
  processedAtMs: number;
  transaction: NaiveTransaction | null;
  /** Of a reconciliation: the posting that it is about. */
  of?: { partner: string; id: string };
  /** Lines as recorded, of returns those that came back (positive). */
  receipt: Receipt | null;
  awards: NaiveAward[];
  postings: Posting[];
}
