/** What the effects of a batch have to say besides changes of cells, by the naive implementation. */
import { reconciliationOf, type Reconciled } from '../../schemas/commands.js';
import { transactionHashOf } from '../../workers/commands.js';
import type { NaivePartition } from '../naive/engine.js';
import type { Account } from '../naive/ledger.js';
import { keyOf } from '../naive/transaction.js';
import { flagsOf } from './accounts.js';
import { cardText, endsText, flagsText, knownText, nameOf, openedText, waitsText, type Deeds } from './effects.js';
import type { LogHistory } from './history.js';

/** `reconciled`: whose postings were taken back, by row. */
export function deedsOf({ facts, waiting }: NaivePartition, opened: Account[], reconciled: Map<number, Reconciled>, history: LogHistory): Omit<Deeds, 'reference data' | 'set aside'> {
  return {
    'accounts opened': opened.map(({ ordinal, program }) => openedText(ordinal, program)),
    cards: opened.flatMap(({ ordinal, program, cards }) => cards.map((card) => cardText(card, ordinal, program))),
    flags: opened.filter((account) => flagsOf(account) !== 0).map((account) => flagsText(account.ordinal, flagsOf(account))),
    'known transactions': facts.flatMap(({ kind, transaction }, row) => {
      const posting = reconciled.get(row), named = transaction ?? posting;
      if (!named) return [];
      const { partner, id } = named, kindKnown = posting ? reconciliationOf[posting.kind] : kind, hash = new Uint32Array(4);
      transactionHashOf(partner, id, kindKnown, hash);
      return [knownText(hash, row, history.content(keyOf({ partner, id, kind: kindKnown }))!)];
    }),
    'waiting returns': waiting.changes.map((change) => (
      'begins' in change ? waitsText(change.begins.untilMs, change.begins.transaction.originalId, change.begins.transaction) : endsText(nameOf(change.ends.transaction))
    )),
  };
}
