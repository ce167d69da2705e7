/**
 * One partition, evaluated again from the start of its log in the order that its results records state, and compared batch by batch: what each batch
 * consumed and counted, its facts, its effects; at the end the live state.
 *
 * Promises: memory is bounded by the accounts and about a hundred bytes for each transaction of the partition. Changes nothing.
 */
import type { AccountCellsView } from '../../workers/messages.js';
import { readFact, readFacts } from '../../workers/facts/read-fact.js';
import { inputTopics } from '../../engine/log/log.js';
import type { Reconciled } from '../../schemas/commands.js';
import type { FactRecord } from '../../schemas/fact.js';
import type { InputRange, readResults, ResultsHeader } from '../../schemas/results.js';
import { NaivePartition } from '../naive/engine.js';
import type { Account, CellChange } from '../naive/ledger.js';
import type { NaiveReference } from '../naive/reference.js';
import { keyOf } from '../naive/transaction.js';
import { compareAccount, compareMaps } from './accounts.js';
import { CellSums } from './cell-sums.js';
import { readEffects, type Deeds } from './effects.js';
import { deedsOf } from './expected-effects.js';
import { asOfOld, cellOf, cellText, expectedFact, firstDifference, isSameFact, key1Of, key2Of, type Source } from './expected.js';
import { LogHistory } from './history.js';
import { homesOf } from './homes.js';
import { InputReader, type ReadRecord } from './input.js';
import type { CheckName, Findings } from './report.js';
import { ResultsReader } from './results-reader.js';
import type { ReadableLog } from './source.js';

const RECENT_BATCHES = 6; // whose facts are kept, for returns that come soon after their purchase

export interface PartitionVerifierOptions {
  log: ReadableLog;
  partition: number;
  /** Reference data by version. */
  reference(version: number): Promise<NaiveReference>;
  findings: Findings;
  /** Facts of a batch after they were compared. */
  onFacts?(batch: number, facts: FactRecord[]): void;
}

/** Where a fact came from, and the reference data that were live there. */
interface Placed { source: Source; reference: NaiveReference }

export class PartitionVerifier {
  readonly results: ResultsReader;
  private readonly naive: NaivePartition;
  private readonly history: LogHistory;
  private readonly input: InputReader;
  private readonly recent = new Map<number, FactRecord[]>();
  private readonly skipped = new Set<string>();
  /** Whose postings the reconciliations of the batch took back, by row. */
  private readonly reconciled = new Map<number, Reconciled>();
  /** What returns took, as cells of accounts: the naive accounts don't hold it. */
  private readonly taken = new Map<number, Map<string, number>>();
  private readonly touched = new Set<number>();
  /** What commands of the batch said, which the naive implementation does not hold. */
  private readonly told: Pick<Deeds, 'reference data' | 'set aside'> = { 'reference data': [], 'set aside': [] };
  private activated = 0; // the set that is active; `reference` is the one that was last needed
  private reference: NaiveReference | undefined;
  private found: FactRecord[] = [];
  private batch = -1;
  private clockMs = 0;
  /** Accounts before the batch, and ends of topics. */
  private opened = 0;
  private readonly positions = inputTopics.map((): [number, number] => [0, 0]);

  constructor(private readonly options: PartitionVerifierOptions) {
    const { partition, log } = options;
    this.history = new LogHistory(() => ({ batch: this.batch, row: this.naive.facts.length }), () => this.reference!, (row) => this.found[row]);
    this.naive = new NaivePartition(partition, this.history, homesOf(log.partitions));
    this.input = new InputReader(log, partition);
    this.results = new ResultsReader(log, partition);
  }

  /** Evaluates up to the end of the results as it is now; returns the number of the last batch. */
  async advance(): Promise<number> {
    for await (const results of this.results.read()) await this.verifyBatch(results);
    return this.batch;
  }

  /** Compares live accounts. Returns those that changed since the last time that this was called, which have to be read again. */
  compareAccounts(live: AccountCellsView[]): void {
    const { naive, taken } = this, { findings } = this.options;
    for (const view of live) compareAccount(findings, `account ${naive.partition}.${view.ordinal}`, naive.accounts[view.ordinal], taken.get(view.ordinal), view);
  }
  /** Accounts as the naive implementation has them. */
  get accounts(): readonly Account[] {
    return this.naive.accounts;
  }
  /** Accounts that batches changed since it was asked last. */
  takeTouched(): Set<number> {
    const touched = new Set(this.touched);
    this.touched.clear();
    return touched;
  }

  private get where(): string {
    return `partition ${this.options.partition}, batch ${this.batch}`;
  }
  private compare(check: CheckName, what: string, expected: unknown, found: unknown): void {
    this.options.findings.compared(check);
    const difference = firstDifference(expected, found);
    if (difference) this.options.findings.differ(check, `${this.where}: ${what}${difference.path}`, difference.expected, difference.found);
  }

  private async verifyBatch({ header, effects, facts }: ReturnType<typeof readResults>): Promise<void> {
    const { findings } = this.options;
    this.batch = header.batch;
    this.found = [...readFacts(facts)];
    this.opened = this.naive.accounts.length;
    const sources: Placed[] = [], counts = { processed: 0, duplicates: 0, rejected: 0 };
    for (const range of header.inputs) {
      this.compareRange(range);
      const records = await this.input.read(range);
      await this.bringPurchases(records);
      for (const record of records) await this.evaluate(record, counts, sources);
    }
    findings.transactions += counts.processed + counts.duplicates + counts.rejected;
    this.compareHeader(header, counts);
    this.compareFacts(sources);
    this.compareEffects(effects);
    this.options.onFacts?.(this.batch, this.found);
    this.recent.set(this.batch, this.found);
    this.recent.delete(this.batch - RECENT_BATCHES);
    this.history.endBatch();
    this.naive.facts.length = 0;
    this.reconciled.clear();
    this.naive.changes.length = this.naive.waiting.changes.length = 0;
    this.told['reference data'].length = this.told['set aside'].length = 0;
  }

  /** Each batch goes on where the one before it ended. */
  private compareRange({ topic, from, fromItem, next, nextItem }: InputRange): void {
    this.compare('inputs', `begin in ${inputTopics[topic]!}`, this.positions[topic], [from, fromItem]);
    this.positions[topic] = [next, nextItem];
  }
  private compareHeader(header: ResultsHeader, counts: { processed: number; duplicates: number; rejected: number }): void {
    const { processed, duplicates, rejected, reference, clockMs, positions, rows } = header;
    this.compare('inputs', 'counts', counts, { processed, duplicates, rejected });
    this.compare('inputs', 'reference', this.activated, reference);
    this.compare('inputs', 'clock', this.clockMs, clockMs);
    this.compare('inputs', 'positions', this.positions, positions);
    this.compare('inputs', 'rows', this.found.length, rows);
  }

  /** Of many sets in a row only the last is ever asked. */
  private async bringReference(): Promise<void> {
    if (this.activated === (this.reference?.set.version ?? 0)) return;
    this.reference = await this.options.reference(this.activated);
    this.naive.activate(this.reference);
  }
  /** Reads the facts of purchases that the returns among the records need, unless they are at hand. */
  private async bringPurchases(records: ReadRecord[]): Promise<void> {
    const needed = (partner: string, id: string, kind = 'purchase'): { key: string; at: { batch: number; row: number } | undefined } => {
      const key = keyOf({ partner, id, kind });
      return { key, at: this.history.needs(key) };
    };
    for (const { input } of records) {
      const returns = (input.items ?? []).flatMap(({ transaction }) => (transaction?.kind === 'return' ? [needed(transaction.partner, transaction.originalId)] : []));
      const { command } = input;
      if (command?.type === 'reconcile') returns.push(needed(command.partner, command.id, command.kind));
      if (command?.type === 'returned-elsewhere') returns.push(needed(command.partner, command.id));
      for (const { key, at } of returns) {
        if (!at) continue;
        const fact = this.recent.get(at.batch)?.[at.row] ?? readFact((await this.results.again(at.batch)).facts, at.row);
        this.history.bring(key, fact, await this.options.reference(fact.reference));
      }
    }
  }

  private async evaluate(record: ReadRecord, counts: { processed: number; duplicates: number; rejected: number }, sources: Placed[]): Promise<void> {
    const { naive } = this, { topic, offset, timestampMs, input, fromItem, toItem } = record;
    this.clockMs = Math.max(this.clockMs, timestampMs);
    const from = (index: number): void => {
      while (sources.length < naive.facts.length) sources.push({ source: { topic: inputTopics[topic]!, partition: naive.partition, offset, index }, reference: this.reference! });
    };
    if (input.command?.type !== 'activate') await this.bringReference();
    // Of a command that carries transactions one of these is set aside, of others all.
    if (input.command && (input.items || !this.skipped.has(`${topic}:${offset}:0`))) {
      await this.evaluateCommand(record, counts);
      from(0);
    }
    const isLinked = input.command?.type === 'forwarded' && input.command.linked === true;
    for (const [place, { index, transaction }] of (input.items ?? []).entries()) {
      if (place < fromItem || place >= toItem) continue;
      const skipped = this.skipped.has(`${topic}:${offset}:${place}`);
      const { status } = transaction && !skipped ? naive.post(transaction, this.clockMs, isLinked) : { status: 'rejected' as const };
      if (status === 'processed') counts.processed++;
      else if (status === 'duplicate') counts.duplicates++;
      else if (status === 'rejected') counts.rejected++;
      from(index);
    }
  }
  private async evaluateCommand({ topic, offset, input: { command } }: ReadRecord, counts: { rejected: number }): Promise<void> {
    const { naive } = this;
    switch (command?.type) {
      case 'tick':
        // Which accounts a tick settles is bounded, and the due days that the engine remembers are not the log's: what it settled must be right.
        return naive.tick(this.clockMs, this.settledBy(topic, offset));
      case 'activate':
        if (command.version <= this.activated) return; // sets only get newer
        this.activated = command.version;
        this.told['reference data'].push(String(command.version));
        return this.reference ? undefined : this.bringReference(); // the first opens the partition's own account
      case 'import':
        for (const account of command.accounts) if (naive.importAccount(account, this.clockMs).status === 'rejected') counts.rejected++;
        return;
      case 'import-linked':
        if (naive.importLinked(command.account, command.step, this.clockMs).status === 'rejected') counts.rejected++;
        return;
      case 'return-located': {
        const [partner = '', id = ''] = command.key.split('\n');
        naive.stopWaiting(partner, id);
        return;
      }
      case 'reconcile': {
        const before = naive.facts.length;
        naive.reconcile(command, this.clockMs);
        const row = naive.facts.length - 1;
        if (row >= before && naive.facts[row]!.kind === 'reconciliation') this.reconciled.set(row, command);
        return;
      }
      case 'returned-elsewhere':
        return naive.returnElsewhere(command, this.clockMs);
      case 'skip': {
        const place = `${command.topic}:${command.offset}:${command.index}`;
        this.skipped.add(place);
        this.told['set aside'].push(place);
        return;
      }
      case 'forwarded':
      case 'return-execute':
      case undefined:
        return; // their transactions come as items
    }
  }
  /** Accounts of the settlements that the batch found next, of this record. */
  private settledBy(topic: number, offset: number): Account[] {
    const accounts: Account[] = [];
    for (let row = this.naive.facts.length; row < this.found.length; row++) {
      const fact = this.found[row]!, account = this.naive.accounts[Number(fact.account.split('.')[1])];
      if (fact.kind !== 'settlement' || fact.sourceTopic !== inputTopics[topic] || fact.sourceOffset !== offset || !account) break;
      accounts.push(account);
    }
    return accounts;
  }

  private compareFacts(sources: Placed[]): void {
    const { findings } = this.options, { naive, found } = this;
    if (naive.facts.length !== found.length) findings.differ('results', `${this.where}: number of facts`, naive.facts.length, found.length);
    naive.facts.forEach((fact, row) => {
      const { source, reference } = sources[row]!, actual = found[row], expected = asOfOld(expectedFact(reference, fact, source), actual);
      findings.compared('results');
      findings.compared('entries', expected.postings.length);
      if (!actual) return findings.differ('results', `${this.where}, row ${row}: ${named(expected)}`, 'a fact', 'nothing');
      const difference = isSameFact(expected, actual) ? undefined : firstDifference(expected, actual);
      if (!difference) return;
      const check = difference.path.startsWith('.postings') ? 'entries' : 'results';
      findings.differ(check, `${this.where}, row ${row}, ${named(expected)}: ${difference.path.slice(1)}`, difference.expected, difference.found);
    });
  }

  private compareEffects(bytes: Uint8Array): void {
    const { naive } = this, sums = new CellSums();
    for (const change of naive.changes) {
      sums.add(change.account, key1Of(change), key2Of(change), change.change);
      this.touched.add(change.account);
      if (change.kind === 'returnedAmount' || change.kind === 'returnedQuantity' || change.kind === 'reversed') this.noteTaken(change);
    }
    const { sums: found, cells, deeds } = readEffects(bytes), opened = naive.accounts.slice(this.opened);
    this.options.findings.compared('effects', cells);
    if (!sums.equals(found)) this.nameCells(bytes);
    for (const account of opened) this.touched.add(account.ordinal);
    const expected = { ...deedsOf(naive, opened, this.reconciled, this.history), ...this.told };
    for (const what of Object.keys(expected) as (keyof Deeds)[]) this.compare('effects', what, expected[what], deeds[what]);
  }
  /** The sums differ: now cell by cell. */
  private nameCells(bytes: Uint8Array): void {
    const expected = new Map<string, number>(), found = new Map<string, number>();
    for (const change of this.naive.changes) addTo(expected, `${change.account}:${cellOf(change)}`, change.change);
    readEffects(bytes, (account, key1, key2, change) => addTo(found, `${account}:${cellText(key1, key2)}`, change));
    compareMaps(this.options.findings, 'effects', expected, found, (name) => `${this.where}: account ${this.naive.partition}.${name.split(':')[0]!}, cell ${name.split(':')[1]!}`);
  }
  private noteTaken(change: CellChange): void {
    let cells = this.taken.get(change.account);
    if (!cells) this.taken.set(change.account, (cells = new Map()));
    addTo(cells, cellOf(change), change.change);
  }
}

const named = ({ kind, partner, id, account }: FactRecord): string => (id === '' ? `${kind} of account ${account}` : `${kind} ${partner}/${id}`);

function addTo(sums: Map<string, number>, name: string, value: number): void {
  const sum = (sums.get(name) ?? 0) + value;
  if (sum === 0) sums.delete(name);
  else sums.set(name, sum);
}
