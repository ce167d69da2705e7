/**
 * What clients are told has to be in the log when they are told: an answer is a fact that is committed, a balance is one that the account had after
 * some committed batch, never older than what was read before.
 */
import type { AccountView } from '../../engine/engine.js';
import type { Reply } from '../../schemas/envelope.js';
import type { FactRecord } from '../../schemas/fact.js';
import { readResults } from '../../schemas/results.js';
import type { TransactionDocument } from '../../schemas/transaction.js';
import { readFacts } from '../../workers/facts/read-fact.js';
import type { StoredLog } from './stored-log.js';

interface Balance { available: number; pending: number; debt: number }
interface Answer { status: string; account: string | null; points: number; partner: string; id: string; kind: string }

export class Answers {
  private readonly facts: FactRecord[][][];
  private readonly seen = new Map<string, number>();

  constructor(private readonly stored: StoredLog) {
    this.facts = Array.from({ length: stored.partitions }, () => []);
  }

  check(documents: TransactionDocument[], replies: Reply[]): void {
    this.follow();
    const items = replies.flatMap((reply) => reply.items);
    for (const { index, id } of items) if (documents[index]?.id !== id) throw new Error(`item ${index} is answered as ${id}`);
    for (const { index, status } of items) if (status === 'duplicate') this.expectFact(documents[index]!);
    if (documents.length > 1) return;
    const [document] = documents, [reply] = replies;
    const waiting = items.filter(({ status }) => status === 'waiting').length;
    if (!reply || reply.accepted + reply.duplicates + reply.rejected + waiting !== 1) throw new Error(`one transaction is answered by ${JSON.stringify(replies)}`);
    if (reply.accepted + reply.duplicates === 0) return;
    if (reply.answer === undefined) throw new Error(`${document!.id} is answered without what it got: ${JSON.stringify(reply)}`);
    const { status, account, points } = JSON.parse(reply.answer) as Answer;
    const fact = this.expectFact(document!, account ?? '');
    if (fact.points !== points) throw new Error(`${document!.id} (${status}) is told ${points} points, its fact has ${fact.points}`);
  }
  checkView(card: string, { account, balances }: AccountView): void {
    this.follow();
    const told = textOf(Object.entries(balances));
    const batches = this.facts[Number(account.split('.')[0])]!, sums = new Map<string, Balance>();
    const before = this.seen.get(card) ?? -1;
    let held = textOf([]);
    for (let batch = 0; batch < batches.length; batch++) {
      for (const { postings } of batches[batch]!.filter((fact) => fact.account === account)) {
        for (const { currency, balance, points } of postings) {
          const own = sums.get(currency) ?? { available: 0, pending: 0, debt: 0 };
          own[balance as keyof Balance] += points;
          sums.set(currency, own);
        }
      }
      held = textOf([...sums].map(([currency, { available, pending, debt }]) => [currency, { available, pending, debt: -debt }]));
      if (batch < before || held !== told) continue;
      this.seen.set(card, batch);
      return;
    }
    throw new Error(`card ${card} is told ${told}, which account ${account} had after no committed batch since ${before}; now it has ${held}`);
  }

  private follow(): void {
    for (const [partition, batches] of this.facts.entries()) {
      for (const { value } of this.stored.records('results', partition).slice(batches.length)) batches.push([...readFacts(readResults(value).facts)]);
    }
  }
  private expectFact({ partner, id, kind }: TransactionDocument, account?: string): FactRecord {
    const found = this.facts.flat(2)
      .find((fact) => fact.partner === partner && fact.id === id && fact.kind === kind && (account === undefined || fact.account === account));
    if (!found) throw new Error(`${partner} ${kind} ${id} was answered, and is no fact${account === undefined ? '' : ` of account ${account}`}`);
    return found;
  }
}

const textOf = (balances: [currency: string, Balance][]): string => (
  balances.filter(([, { available, pending, debt }]) => available !== 0 || pending !== 0 || debt !== 0)
    .map(([currency, { available, pending, debt }]) => `${available} ${currency}, ${pending} pending, ${debt} owed`).sort().join('; ')
);
