/**
 * What can be looked up in the running engine: accounts, cards, transactions and why they got their points. Answered by the shard that holds them, after the commit of
 * everything that was queued before; never an uncommitted balance.
 */
import { answerFromFact } from '../workers/answer.js';
import { parseAccount } from '../workers/decide.js';
import type { ExplanationView } from '../workers/explanation.js';
import { readFact } from '../workers/facts/read-fact.js';
import { partitionOf } from '../workers/hash.js';
import type { AccountCellsView, FindAnswer, LocateAnswer, ShardTask } from '../workers/messages.js';
import type { Reply } from '../schemas/envelope.js';
import type { FactRecord } from '../schemas/fact.js';
import type { AccountView, FoundTransaction } from './engine.js';
import type { Log } from './log/log.js';
import type { Results } from './results.js';
import type { PurchaseName } from './waiting-returns.js';

export type TransactionKind = 'purchase' | 'return';
/** Asks the shard of a partition. */
export type Ask = <T>(partition: number, task: ShardTask) => Promise<T>;
interface Place { partition: number; batch: number; row: number }
type Found = Place | 'waiting' | undefined;

const isPlace = (found: Found): found is Place => typeof found === 'object';

export class Reads {
  constructor(private readonly log: Log, private readonly results: Results, private readonly ask: Ask) {}

  async account(account: string): Promise<AccountView | undefined> {
    const id = parseAccount(account);
    if (!id || id.partition >= this.log.partitions) return undefined;
    return this.ask(id.partition, { type: 'account', partition: id.partition, ordinal: id.ordinal });
  }
  /** The card's home knows the account, or the partition in which it lives. */
  async card(program: string, card: string): Promise<AccountView | undefined> {
    const bytes = Buffer.from(card, 'utf8');
    const home = partitionOf(bytes, 0, bytes.length, this.log.partitions);
    const found = await this.ask<AccountView | { linked: number } | undefined>(home, { type: 'account', partition: home, program, card });
    if (found === undefined || !('linked' in found)) return found;
    return this.ask(found.linked, { type: 'account', partition: found.linked, program, card });
  }
  /** Accounts of a partition as their cells, for the verifier. */
  cells(partition: number, from: number, count: number): Promise<AccountCellsView[]> {
    return this.ask(partition, { type: 'cells', partition, from, count });
  }
  /** In which partition each of these purchases has been decided; of several the one whose posting counts. */
  async locate(purchases: PurchaseName[]): Promise<(number | undefined)[]> {
    const known = await Promise.all(Array.from({ length: this.log.partitions }, (_, partition) => this.ask<LocateAnswer>(partition, { type: 'locate', partition, purchases })));
    return Promise.all(purchases.map(async ({ partner, id }, i) => {
      const [partition, ...others] = known.flatMap((answer, partition) => (answer?.[i] ? [partition] : []));
      if (others.length === 0) return partition;
      const counts = await this.transaction(partner, id, 'purchase');
      return typeof counts === 'object' ? counts.partition : partition;
    }));
  }
  async transaction(partner: string, id: string, kind: TransactionKind): Promise<FoundTransaction | 'waiting' | undefined> {
    const found = await this.find(partner, id, kind), first = await this.firstOf(found.filter(isPlace));
    if (first) return { partition: first.place.partition, fact: first.fact };
    return found.includes('waiting') ? 'waiting' : undefined;
  }
  async explanation(partner: string, id: string): Promise<ExplanationView | undefined> {
    const first = await this.firstOf((await this.find(partner, id, 'purchase')).filter(isPlace));
    if (!first) return undefined;
    const { partition, batch, row } = first.place, found = await this.results.find(partition, batch);
    return found && this.ask(partition, { type: 'explain', partition, facts: Uint8Array.from(found.facts), row });
  }
  /** The answer to a duplicate: what the first was answered, with the balances of now. */
  async answerAgain({ partition, partner, id, kind }: NonNullable<Reply['again']>): Promise<string | undefined> {
    const place = await this.findIn(partition, partner, id, kind), fact = isPlace(place) ? await this.factAt(place) : undefined;
    if (!fact) return undefined;
    const account = fact.account === '' ? undefined : await this.account(fact.account);
    const balances = Object.fromEntries(Object.entries(account?.balances ?? {}).map(([currency, { available, pending, held, debt }]) => (
      [currency, { available, pending, held, debt }]
    )));
    return answerFromFact(fact, 'duplicate', balances);
  }

  /** Of one receipt that was posted under several homes the first posting counts: the reconciler takes the later ones back (engine/reconciler.ts has the same order). */
  private async firstOf(places: Place[]): Promise<{ place: Place; fact: FactRecord } | undefined> {
    const postings = await Promise.all(places.map(async (place) => ({ place, fact: await this.factAt(place) })));
    const known = postings.filter((posting): posting is { place: Place; fact: FactRecord } => posting.fact !== undefined);
    known.sort(({ fact: a }, { fact: b }) => a.processedAtMs - b.processedAtMs || a.sourcePartition - b.sourcePartition || a.sourceOffset - b.sourceOffset);
    return known[0];
  }
  private find(partner: string, id: string, kind: TransactionKind): Promise<Found[]> {
    return Promise.all(Array.from({ length: this.log.partitions }, (_, partition) => this.findIn(partition, partner, id, kind)));
  }
  private async findIn(partition: number, partner: string, id: string, kind: TransactionKind): Promise<Found> {
    const found = await this.ask<FindAnswer>(partition, { type: 'find', partition, partner, id, kind });
    return typeof found === 'object' ? { partition, ...found } : found;
  }
  private async factAt({ partition, batch, row }: Place): Promise<FactRecord | undefined> {
    const found = await this.results.find(partition, batch);
    return found && readFact(found.facts, row);
  }
}
