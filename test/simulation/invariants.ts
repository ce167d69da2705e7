/** What has to hold of a log and a state directory, whoever died when. */
import { unpack } from 'msgpackr';
import { inputTopics } from '../../engine/log/log.js';
import { readResults } from '../../schemas/results.js';
import { floorOf, META, packSnapshot } from '../../schemas/snapshot.js';
import { readFacts } from '../../workers/facts/read-fact.js';
import type { AccountCellsView, PartitionStatus } from '../../workers/messages.js';
import { Shard } from '../../workers/shard.js';
import type { ReferenceSet } from '../../schemas/reference.js';
import type { Rejected } from '../../schemas/reasons.js';
import type { TransactionDocument } from '../../schemas/transaction.js';
import type { WaitingNotice } from '../../workers/state/waiting.js';
import type { Account } from '../../loadtest/naive/ledger.js';
import { localDay } from '../../loadtest/naive/calendar.js';
import { CellKind, cellKind, lotExpires, lotMatures } from '../../workers/ledger/cells.js';
import type { StoredLog } from './stored-log.js';

/** Batches count up without a gap, the committed positions are the last batch's, epochs never fall, nobody's transaction is a fact twice. */
export function checkStored(stored: StoredLog, partition: number): void {
  const known = new Set<string>(), results = stored.records('results', partition);
  let epoch = 0;
  results.forEach(({ offset, value }) => {
    const { header, facts } = readResults(value);
    if (header.batch !== offset) throw new Error(`results/${partition}: batch ${header.batch} stands at ${offset}`);
    if (header.epoch < epoch) throw new Error(`results/${partition}: epoch ${header.epoch} of batch ${offset} comes after ${epoch}`);
    epoch = header.epoch;
    for (const { kind, partner, id } of readFacts(facts)) {
      if (kind !== 'purchase' && kind !== 'return') continue;
      const key = `${partner} ${kind} ${id}`;
      if (known.has(key)) throw new Error(`results/${partition}: ${key} is a fact twice, again in batch ${offset}`);
      known.add(key);
    }
  });
  const positions = results.length === 0 ? inputTopics.map(() => [0, 0]) : readResults(results.at(-1)!.value).header.positions;
  inputTopics.forEach((topic, place) => {
    const position = stored.position(topic, partition);
    if (position !== positions[place]![0]) throw new Error(`${topic}/${partition}: the log says ${position}, the last results ${positions[place]![0]}`);
  });
}

/** Restores the partition from what is on disk and in the log, as the next start will; returns its accounts and the returns that wait in it. */
export function checkRestored(stored: StoredLog, partition: number, directory: string, shared: boolean): { accounts: AccountCellsView[]; waiting: WaitingNotice[] } {
  const shard = new Shard(), results = stored.records('results', partition);
  const open = (): PartitionStatus => shard.run({
    type: 'open', partition, partitions: stored.partitions, directory, epoch: 1, cacheBytesMax: 1 << 20, debtBytesMax: 1 << 30, factCacheBytesMax: 0, snapshots: false,
  }) as PartitionStatus;
  let { batch: floor } = open();
  try {
    const snapshots = shared ? stored.records('snapshots', partition).map(({ key, value }) => ({ key: key!, value })) : [], meta = snapshots.findLast(({ key }) => key === META);
    const known = meta ? floorOf(meta.value) : -1;
    if (shared && floor > known) throw new Error(`partition ${partition} is on disk up to batch ${floor}, its snapshot up to ${known}`);
    if (shared && floor < known) {
      const newest = [...new Map(snapshots.map((record) => [record.key, record])).values()];
      shard.run({ type: 'load', partition, records: packSnapshot(newest), first: true, last: true });
      ({ batch: floor } = open());
    }
    const { batch } = shard.run({ type: 'replay', partition, records: results.slice(floor + 1).map(({ value }) => value) }) as PartitionStatus;
    if (batch !== results.length - 1) throw new Error(`partition ${partition} comes back after batch ${batch}, its log has ${results.length}`);
    const accounts = shard.run({ type: 'cells', partition, from: 0, count: Infinity }) as AccountCellsView[];
    return { accounts, waiting: shard.run({ type: 'waiting', partition }) as WaitingNotice[] };
  } finally {
    shard.run({ type: 'close', partition });
  }
}

/** When everything has been done: each transaction is a fact, a dead letter, or a return that waits, and waits for a purchase that nobody has or that the reconciler took back. */
export function checkNothingLost(stored: StoredLog, posted: TransactionDocument[], waiting: WaitingNotice[]): void {
  const nameOf = (partner: string, kind: string, id: string): string => `${partner} ${kind} ${id}`;
  const facts = new Set<string>(), letters = new Set<string>(), takenBack = new Set<string>(), postings: [name: string, partition: number][] = [];
  for (let partition = 0; partition < stored.partitions; partition++) {
    for (const { value } of stored.records('results', partition)) {
      for (const { partner, kind, id } of readFacts(readResults(value).facts)) {
        facts.add(nameOf(partner, kind, id));
        postings.push([nameOf(partner, kind, id), partition]);
      }
    }
    for (const { value } of stored.records('dead-letters', partition)) {
      const { partner, kind, id, reason, source } = unpack(value) as Rejected;
      letters.add(nameOf(partner, kind, id));
      if (reason === 'duplicate-elsewhere') takenBack.add(`${nameOf(partner, kind, id)} in ${source.partition}`);
    }
  }
  const waits = new Set(waiting.map(({ key, partner }) => nameOf(partner, 'return', key.slice(partner.length + 1))));
  for (const { partner, kind, id } of posted) {
    const name = nameOf(partner, kind, id);
    if (!facts.has(name) && !letters.has(name) && !waits.has(name)) throw new Error(`${name} is nowhere`);
  }
  const there = new Set(postings.filter(([name, partition]) => !takenBack.has(`${name} in ${partition}`)).map(([name]) => name));
  for (const { partner, originalId, key } of waiting) {
    if (there.has(nameOf(partner, 'purchase', originalId))) throw new Error(`the return ${key} still waits for purchase ${originalId}, which is there`);
  }
}

/** A card leads to one account, however often it was imported or used while it was; a link leads there. */
export function checkCards(partitions: (readonly Account[])[]): void {
  const owners = new Map<string, Account>(), accounts = partitions.flat();
  for (const account of accounts) {
    for (const card of account.linkedTo === undefined ? account.cards : []) {
      const name = `${account.program}/${card}`, owner = owners.get(name);
      if (owner) throw new Error(`card ${name} belongs to ${owner.id} and to ${account.id}`);
      owners.set(name, account);
    }
  }
  for (const { id, linkedTo, program, cards } of accounts) {
    if (linkedTo === undefined) continue;
    for (const card of cards) {
      const owner = owners.get(`${program}/${card}`);
      if (owner && !owner.id.startsWith(`${linkedTo}.`)) throw new Error(`link ${id} leads card ${card} to partition ${linkedTo}, its account is ${owner.id}`);
    }
  }
}

/** Ticks have settled what is due: no lot that should have matured or expired by then. */
export function checkNothingDue(accounts: AccountCellsView[], { programs }: ReferenceSet, atMs: number): void {
  for (const { ordinal, program, cells } of accounts) {
    const today = localDay(programs[program]!.document.timeZone, atMs);
    for (const [key1, key2] of cells) {
      const kind = cellKind(key1), dueDay = kind === CellKind.pending ? lotMatures(key2) : kind === CellKind.available ? lotExpires(key2) : Infinity;
      if (dueDay <= today) throw new Error(`account ${ordinal} has a lot that was due on day ${dueDay}, and it is ${today}`);
    }
  }
}
