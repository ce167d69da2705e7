/** What a fact says besides the transaction, its awards and its postings. */
import { factKindNames, factStatusNames } from '../../schemas/fact-table.js';

const numbers = <T extends string>(names: readonly T[]): { readonly [K in T]: number } => Object.fromEntries(names.map((name, number) => [name, number])) as { [K in T]: number };
export const FactKind = numbers(factKindNames);
export const FactStatus = numbers(factStatusNames);

/** One instance, refilled for each row. */
export class FactHeader {
  kind = 0;
  status = 0;
  /** -1 for a return: its amounts, quantities and total are written negative. Points are written as the awards have them. */
  sign: 1 | -1 = 1;
  accountPartition = 0;
  /** -1: no account. */
  accountOrdinal = -1;
  processedAtMs = 0;
  batch = 0;
  ruleSet = 0;
  referenceVersion = 0;
  /** Points of all awards in the program's first currency, and which that is: points of lines are of it, too. */
  points = 0;
  currency = -1;
  /** Place in inputTopics. */
  sourceTopic = 0;
  sourcePartition = 0;
  sourceOffset = 0;
  sourceIndex = 0;
  /** Of a row without transaction: whose posting it is about, and that one's id. -1: nobody's. */
  ofPartner = -1;
  ofId: Uint8Array | undefined;

  /** A row of a partition's ledger in its next batch; sign, status, points and rule set are what a row without transaction has. */
  ledgerRow(kind: number, state: { readonly partition: number; readonly batch: number }, ordinal: number, nowMs: number, topic: number, offset: number, index: number, referenceVersion: number): void {
    this.kind = kind;
    this.status = FactStatus.processed;
    this.sign = 1;
    this.points = 0;
    this.currency = -1;
    this.ruleSet = 0;
    this.accountPartition = this.sourcePartition = state.partition;
    this.accountOrdinal = ordinal;
    this.batch = state.batch + 1;
    this.processedAtMs = nowMs;
    this.sourceTopic = topic;
    this.sourceOffset = offset;
    this.sourceIndex = index;
    this.referenceVersion = referenceVersion;
    this.ofPartner = -1;
    this.ofId = undefined;
  }
}
