/**
 * The naive implementation beside one partition: it decides again what each committed batch consumed, in that order, and says where the two differ:
 * outcomes and their reasons, answers, facts (awards, shares, postings), every cell of every account. It also checks what has to hold whatever was
 * decided: postings balance, lots are the sum of postings.
 */
import { inputTopics } from '../../engine/log/log.js';
import { cellOf, expectedFact, firstDifference, type Source } from '../../loadtest/verifier/expected.js';
import { homesOf } from '../../loadtest/verifier/homes.js';
import { readInput } from '../../loadtest/verifier/records.js';
import { NaivePartition, type Outcome } from '../../loadtest/naive/engine.js';
import type { NaiveFact } from '../../loadtest/naive/fact.js';
import type { Account } from '../../loadtest/naive/ledger.js';
import type { NaiveReference } from '../../loadtest/naive/reference.js';
import type { ImportedAccount } from '../../schemas/commands.js';
import type { Reply } from '../../schemas/envelope.js';
import type { FactRecord } from '../../schemas/fact.js';
import { readResults } from '../../schemas/results.js';
import { EnvelopeReader } from '../../workers/envelope.js';
import { CellKind, cellA, cellKind } from '../../workers/ledger/cells.js';
import type { AccountCellsView, BatchResult } from '../../workers/messages.js';
import { readFacts } from '../../workers/facts/read-fact.js';
import type { StoredLog } from './stored-log.js';

type Letter = [partner: string, id: string, kind: string, reason: string];
interface Answered extends Pick<Reply, 'request' | 'accepted' | 'duplicates' | 'rejected'> {
  items: { index: number; id: string; status: string; reason?: string | undefined }[];
  points?: number;
}

/** Where a fact came from, and the reference data that were live there. */
interface Placed { source: Source; reference: NaiveReference }

export class Twin {
  readonly naive: NaivePartition;
  /** Outcomes so far, by status and reason, and kinds of postings: what the history was good for. */
  readonly outcomes = new Map<string, number>();
  private reference: NaiveReference | undefined;
  private clockMs = 0;
  private readonly cells = new Map<string, number>();
  private readonly posted = new Map<string, number>();
  /** Returns that are facts. */
  private readonly executed = new Set<string>();
  /** By purchase: the policies of what it gave, and how many returns took something of it. */
  private readonly bought = new Map<string, { policies: string[]; returns: number }>();
  private readonly waiting = new Map<string, { letter: Letter; untilMs: number; partner: string }>();
  private readonly partial = new Map<string, { answered: Answered; forwarded: number }>();
  private letters: Letter[] = [];
  private replies: Answered[] = [];

  constructor(readonly partition: number, private readonly log: StoredLog, private readonly referenceOf: (version: number) => NaiveReference) {
    this.naive = new NaivePartition(partition, undefined, homesOf(log.partitions));
  }

  /** Throws at the first difference. */
  follow(result: BatchResult): void {
    const { header, facts } = readResults(result.results!), found = [...readFacts(facts)], sources: Placed[] = [];
    this.letters = [];
    this.replies = [];
    for (const { topic, from, fromItem, next, nextItem } of header.inputs) {
      for (let offset = from; offset < next || (offset === next && nextItem > 0); offset++) {
        this.decide(topic, offset, offset === from ? fromItem : 0, offset === next ? nextItem : Infinity, found, sources);
      }
    }
    const { naive } = this;
    equal('facts', naive.facts.map((fact, row) => expectedFact(sources[row]!.reference, fact, sources[row]!.source)), found);
    equal('dead letters', this.letters, result.rejected.map(({ partner, id, kind, reason }) => [partner, id, kind, reason]));
    equal('replies', this.replies, result.replies.map(answeredOf));
    for (const change of naive.changes) add(this.cells, `${change.account} ${cellOf(change)}`, change.change);
    for (const fact of found) this.post(fact);
    for (const fact of naive.facts) this.count(fact);
    naive.facts.length = naive.changes.length = 0;
  }
  /** The whole state, when nothing is evaluated that was not followed. */
  compareState(accounts: AccountCellsView[]): void {
    const found = new Map<string, number>(), lots = new Map<string, number>();
    for (const { ordinal, cells } of accounts) {
      for (const [key1, key2, value] of cells) {
        found.set(`${ordinal} ${key1}/${key2}`, value);
        const kind = cellKind(key1), sign = kind === CellKind.debt ? -1 : kind <= CellKind.held ? 1 : 0;
        add(lots, `${this.partition}.${ordinal} ${this.reference!.set.currencies[cellA(key1)]!.id}`, sign * value);
        if (value < 0 && kind <= CellKind.ruleDay) throw new Error(`account ${ordinal}: cell ${key1}/${key2} is ${value}`);
      }
    }
    equal('cells', sorted(this.cells), sorted(found));
    equal('lots and postings', sorted(this.posted), sorted(lots));
  }

  private decide(topic: number, offset: number, fromItem: number, toItem: number, found: FactRecord[], sources: Placed[]): void {
    const { naive } = this, { timestampMs, value } = this.log.records(inputTopics[topic]!, this.partition)[offset]!;
    this.clockMs = Math.max(this.clockMs, timestampMs);
    const { command, items } = readInput(value), envelope = new EnvelopeReader();
    const from = (index: number): void => {
      const source = { topic: inputTopics[topic]!, partition: this.partition, offset, index };
      while (sources.length < naive.facts.length) sources.push({ source, reference: this.reference! });
    };
    switch (command?.type) {
      case 'tick': {
        const own = (fact: FactRecord): boolean => fact.kind === 'settlement' && fact.sourceTopic === inputTopics[topic] && fact.sourceOffset === offset;
        this.tick(found.slice(naive.facts.length).filter(own));
        break;
      }
      case 'activate': naive.activate(this.reference = this.referenceOf(command.version)); break;
      case 'import': this.imported(command, command.accounts.map((account) => [account, naive.importAccount(account, this.clockMs)])); break;
      case 'import-linked': this.imported(command, [[command.account, naive.importLinked(command.account, command.step, this.clockMs)]]); break;
      case 'return-located': {
        const [partner = '', id = ''] = command.key.split('\n');
        naive.stopWaiting(partner, id);
        this.waiting.delete(command.key);
        break;
      }
      case 'reconcile': {
        const before = naive.facts.length;
        naive.reconcile(command, this.clockMs);
        const isDone = naive.facts.slice(before).some(({ kind }) => kind === 'reconciliation');
        if (isDone) this.letters.push([command.partner, command.id, command.kind, 'duplicate-elsewhere']);
        break;
      }
      case 'returned-elsewhere': naive.returnElsewhere(command, this.clockMs); break;
      // Transactions, which come below; and what a simulation never writes.
      case 'forwarded': case 'return-execute': case 'skip': case undefined:
    }
    from(0);
    if (!items) return;
    envelope.open(command?.type === 'forwarded' || command?.type === 'return-execute' ? command.envelope : value);
    const isLinked = command?.type === 'forwarded' && command.linked === true;
    const { request, detailed } = envelope.header, place = `${topic}:${offset}`;
    const nothing: Answered = { request, accepted: 0, duplicates: 0, rejected: 0, items: [] };
    let { answered, forwarded } = this.partial.get(place) ?? { answered: nothing, forwarded: 0 };
    items.slice(fromItem, toItem).forEach(({ index, transaction }) => {
      const outcome: Outcome = transaction ? naive.post(transaction, this.clockMs, isLinked) : { status: 'rejected', reason: 'malformed' };
      const { status, reason } = outcome, { partner = '', id = '', kind = '' } = transaction ?? {};
      add(this.outcomes, `${kind} ${reason ?? status}`, 1);
      from(index);
      if (status === 'processed') {
        answered.accepted++;
        if (detailed && request !== 0) answered.points = firstCurrencyPoints(outcome, this.reference!, partner);
      } else if (status === 'elsewhere') forwarded++;
      else {
        if (status === 'duplicate') answered.duplicates++;
        if (status === 'rejected') {
          answered.rejected++;
          this.letters.push([partner, id, kind, reason!]);
        }
        if (status === 'waiting' && !this.waiting.has(`${partner}\n${id}`)) {
          const { waitSeconds = 86_400 } = this.reference!.program(this.reference!.partner(partner)!.program).unknownReturns ?? {};
          this.waiting.set(`${partner}\n${id}`, { partner, letter: [partner, id, 'return', 'unknown-original'], untilMs: this.clockMs + waitSeconds * 1000 });
        }
        answered.items.push({ index, id, status, reason });
      }
    });
    if (toItem < Infinity) this.partial.set(place, { answered, forwarded });
    else {
      this.partial.delete(place);
      const { accepted, duplicates, rejected } = answered;
      if (request !== 0 && (forwarded === 0 || accepted + duplicates + rejected + answered.items.length > 0)) this.replies.push(answered);
    }
  }
  private imported({ partner, request }: { partner: string; request: number }, outcomes: [ImportedAccount, Outcome][]): void {
    const rejected = outcomes.flatMap(([{ id }, { reason }]) => (reason ? [{ index: 0, id, status: 'rejected', reason }] : []));
    for (const { id, reason } of rejected) this.letters.push([partner, id, 'import', reason]);
    for (const [{ cards }, { status }] of outcomes) add(this.outcomes, `import of ${cards.length} cards ${status}`, 1);
    const accepted = outcomes.filter(([, { status }]) => status === 'processed').length;
    if (accepted + rejected.length > 0) this.replies.push({ request, accepted, duplicates: 0, rejected: rejected.length, items: rejected });
  }
  /** A tick may settle in whatever order; but all that is due, and nobody twice. */
  private tick(settled: FactRecord[]): void {
    const { naive } = this;
    naive.tick(this.clockMs, settled.map(({ account }): Account => naive.accounts[Number(account.split('.')[1])]!));
    const { length } = naive.facts;
    naive.tick(this.clockMs);
    if (naive.facts.length > length) throw new Error(`a tick left something due on ${naive.facts.slice(length).map(({ account }) => account).join(', ')}`);
    for (const [key, { letter, untilMs, partner }] of this.waiting) {
      if (untilMs > this.clockMs) continue;
      this.waiting.delete(key);
      const isNow = naive.facts.some(({ kind, transaction }) => kind === 'return' && `${transaction!.partner}\n${transaction!.id}` === key);
      if (isNow || this.executed.has(key)) continue;
      if (this.reference!.program(this.reference!.partner(partner)!.program).unknownReturns?.then !== 'ignore') this.letters.push(letter);
    }
  }
  /** Which discounts came back, and by which policy. */
  private count({ kind, transaction, receipt, awards }: NaiveFact): void {
    if (!transaction || !receipt) return;
    const { partner, id, originalId } = transaction, { lines } = receipt;
    if (kind === 'purchase') this.bought.set(`${partner}\n${id}`, { policies: awards.map(({ version }) => version.document.onReturn ?? 'proportional'), returns: 0 });
    const purchase = this.bought.get(`${partner}\n${originalId}`);
    if (kind !== 'return' || !purchase) return;
    const again = purchase.returns++ > 0 ? ' again' : '';
    const kinds = { 'line discount': lines.some(({ discount }) => discount > 0), 'discount line': lines.some((line) => line.kind === 'discount') };
    for (const [name, isThere] of Object.entries(kinds)) if (isThere) for (const policy of new Set(purchase.policies)) add(this.outcomes, `${name} returned${again}, ${policy}`, 1);
  }
  private post({ account, kind, partner, id, postings, lines, points, awards }: FactRecord): void {
    if (lines.length > 0) {
      equal(`points of the lines of ${kind} ${id}`, points, lines.reduce((sum, line) => sum + line.points, 0));
      for (const award of awards) equal(`shares of ${award.rule} in ${kind} ${id}`, award.points, award.shares.reduce((sum, share) => sum + share.points, 0));
    }
    if (kind === 'return') this.executed.add(`${partner}\n${id}`);
    const own = new Map<string, number>();
    for (const { counter, currency, points, kind: posting, balance } of postings) {
      add(this.outcomes, `posting ${posting} ${balance}`, 1);
      add(this.posted, `${account} ${currency}`, points);
      if (counter === 'own') add(own, currency, points);
    }
    equal(`moves between balances of ${account}, ${kind} ${id}`, [], [...own]);
  }
}

function answeredOf({ request, accepted, duplicates, rejected, items, answer }: Reply): Answered {
  return {
    request, accepted, duplicates, rejected, items: items.map(({ index, id, status, reason }) => ({ index, id, status, reason })),
    ...(answer === undefined ? {} : { points: (JSON.parse(answer) as { points: number }).points }),
  };
}
function firstCurrencyPoints({ awards = [] }: Outcome, reference: NaiveReference, partner: string): number {
  const first = reference.currency(reference.partner(partner)!.program, undefined);
  return awards.reduce((sum, { currency, points }) => (currency === first ? sum + points : sum), 0);
}
function equal(what: string, expected: unknown, found: unknown): void {
  const difference = firstDifference(expected, found) ?? firstDifference(found, expected);
  if (!difference) return;
  const { path, expected: wanted, found: got } = difference;
  throw new Error(`${what}${path}: naive ${JSON.stringify(wanted)}, core ${JSON.stringify(got)}\nnaive ${JSON.stringify(expected)}\ncore  ${JSON.stringify(found)}`);
}
function add(sums: Map<string, number>, key: string, value: number): void {
  const sum = (sums.get(key) ?? 0) + value;
  if (sum === 0) sums.delete(key);
  else sums.set(key, sum);
}
const sorted = (map: Map<string, number>): string[] => [...map].map(([key, value]) => `${key} = ${value}`).sort();
