import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packSnapshot, unpackSnapshot } from '../../schemas/snapshot.js';
import { cellKey } from '../ledger/cells.js';
import { openEnvironment, snapshotOf } from './checkpoint.js';
import { PartitionState } from './partition-state.js';
import { SnapshotLoader } from './snapshot-loader.js';

const ACCOUNTS = 100, LONG = 'a card with a text that needs several cells of the account';
const cardOf = (ordinal: number, n: number): Buffer => Buffer.from(n === 0 ? `card ${ordinal}` : `${LONG} ${ordinal}`);
const root = mkdtempSync(join(tmpdir(), 'pointstream-snapshot-'));
t.teardown(() => rmSync(root, { recursive: true, force: true }));
const open = (name: string): PartitionState => new PartitionState({ partition: 0, directory: join(root, name), cacheBytesMax: 1 << 20 });

/** What each of two sweeps hands out; the second one has some accounts with more points and a second card. */
function twoSweeps(): { first: Uint8Array[]; second: Uint8Array[]; firstDay: number } {
  const state = open('source'), id = new Uint32Array(4);
  const sweep = (batch: number): Uint8Array[] => {
    state.batch = batch;
    const packed: Uint8Array[] = [];
    for (state.beginSweep(); state.sweeping; state.writeCommitted(batch)) {
      const slice = state.sweepSlice(2), snapshot = slice && snapshotOf(slice);
      if (snapshot) packed.push(snapshot);
    }
    return packed;
  };
  for (let ordinal = 0; ordinal < ACCOUNTS; ordinal++) {
    state.openAccount(ordinal, 0);
    state.addCard(ordinal, 0, cardOf(ordinal, 0));
    state.addToCells(ordinal, 1, Float64Array.of(cellKey(1, 0, 1)), Float64Array.of(7), Float64Array.of(ordinal + 1));
    state.transactions.add(id.fill(ordinal + 1), Uint32Array.of(1, 2), 0, ordinal, false);
  }
  state.due.add(2, 5);
  const first = sweep(0);
  for (let ordinal = 0; ordinal < ACCOUNTS; ordinal += 3) {
    state.addCard(ordinal, 0, cardOf(ordinal, 1));
    state.addToCells(ordinal, 1, Float64Array.of(cellKey(1, 0, 1)), Float64Array.of(7), Float64Array.of(1000));
  }
  const second = sweep(1);
  state.close();
  return { first, second, firstDay: state.due.firstDay };
}
const { first, second, firstDay } = twoSweeps();

/** The newest of each key, newest first, as the topic is read. */
function load(name: string, slices: Uint8Array[], end = true): PartitionState {
  const environment = openEnvironment(join(root, name)), loader = new SnapshotLoader(environment), known = new Set<string>();
  for (const slice of [...slices].reverse()) {
    const newest = unpackSnapshot(slice).filter(({ key }) => !known.has(key));
    for (const { key } of newest) known.add(key);
    loader.load(packSnapshot(newest));
  }
  if (end) loader.end();
  void environment.root.close();
  return open(name);
}
const points = (state: PartitionState, ordinal: number): number => {
  state.ensure(ordinal);
  return state.accounts.get(ordinal, cellKey(1, 0, 1), 7);
};
const find = (state: PartitionState, text: Buffer): number => state.findCard(0, text, 0, text.length);

t.test('the newest of each key counts; accounts, cards, transactions and due days are there', async (t) => {
  const state = load('whole', [...first, ...second]);
  t.equal(state.floor, 1);
  for (let ordinal = 0; ordinal < ACCOUNTS; ordinal++) {
    t.equal(find(state, cardOf(ordinal, 0)), ordinal);
    t.equal(find(state, cardOf(ordinal, 1)), ordinal % 3 === 0 ? ordinal : -1);
    t.equal(points(state, ordinal), ordinal + 1 + (ordinal % 3 === 0 ? 1000 : 0));
    t.ok(state.transactions.find(new Uint32Array(4).fill(ordinal + 1)));
  }
  t.equal(state.due.firstDay, firstDay);
  state.close();
});

t.test('days that have passed are removed from the disk and from the snapshot, and do not come back', async (t) => {
  const state = open('days'), slices: Uint8Array[] = [];
  const sweep = (batch: number): void => {
    state.batch = batch;
    for (state.beginSweep(); state.sweeping; state.writeCommitted(batch)) {
      const slice = state.sweepSlice(2), snapshot = slice && snapshotOf(slice);
      if (snapshot) slices.push(snapshot);
    }
  };
  const onDisk = (from: PartitionState): number[] => [...from.environment.due.getKeys()].map(([day]) => day);
  const inSnapshot = (): string[] => {
    const newest = new Map(slices.flatMap((slice) => unpackSnapshot(slice).map(({ key, value }) => [key, value.length] as const)));
    return [...newest].filter(([key, length]) => key.startsWith('due/') && length > 0).map(([key]) => key);
  };
  state.openAccount(0, 0);
  for (const day of [10, 11, 12]) state.due.add(day, 0);
  sweep(0);
  state.due.add(11, 1);
  sweep(1);
  t.same(onDisk(state), [10, 11, 11, 12]);
  t.same(state.due.take(11, 10), [0, 0, 1]);
  sweep(2);
  t.same(onDisk(state), [12]);
  t.same(inSnapshot(), ['due/12/2']);
  // The last one is taken: nothing is due, and nothing of what was comes back.
  state.due.take(12, 10);
  sweep(3);
  t.same([onDisk(state), inSnapshot()], [[], []]);
  state.close();
  const taken = load('days elsewhere', slices);
  t.equal(taken.due.firstDay, Infinity);
  t.same(onDisk(taken), []);
  taken.close();
});

t.test('chunks that an earlier version left on disk go with the next sweep', async (t) => {
  const state = open('left');
  state.openAccount(0, 0);
  for (const day of [10, 12]) state.due.add(day, 0);
  state.batch = 0;
  for (state.beginSweep(); state.sweeping; state.writeCommitted(0)) state.sweepSlice(2);
  state.due.take(10, 10);
  state.due.takePassed(); // as if it did not know
  state.batch = 1;
  for (state.beginSweep(); state.sweeping; state.writeCommitted(1)) state.sweepSlice(2);
  state.close();
  const again = open('left');
  again.due.add(10, 7);
  again.batch = 2;
  let keys: string[] = [];
  for (again.beginSweep(); again.sweeping; again.writeCommitted(2)) {
    const slice = again.sweepSlice(2), snapshot = slice && snapshotOf(slice);
    if (snapshot) keys = unpackSnapshot(snapshot).map(({ key, value }) => `${key} ${value.length}`);
  }
  t.match(keys.filter((key) => key.startsWith('due/')), ['due/10/0 0', 'due/10/2 4'], 'and a new one for that day is another');
  t.same([...again.environment.due.getKeys()], [[10, 2], [12, 1]]);
  again.close();
});

t.test('without the end of the second sweep the first one counts, and buckets say what they hold already', async (t) => {
  const state = load('torn', [...first, ...second.slice(0, 2)]);
  t.equal(state.floor, 0);
  t.ok(state.holds(0, 1), 'a bucket of the second sweep');
  t.notOk(state.holds(ACCOUNTS - 1, 1), 'a bucket that did not come');
  t.equal(points(state, 0), 1001);
  t.equal(points(state, 99), 100);
  state.close();
});

t.test('a load replaces what was there, and one that did not end is no checkpoint', async (t) => {
  load('again', [...first, ...second]).close();
  const cutOff = load('again', first, false);
  t.equal(cutOff.floor, -1);
  cutOff.close();
  const state = load('again', first);
  t.equal(state.floor, 0);
  t.equal(points(state, 3), 4);
  t.equal(find(state, cardOf(3, 1)), -1, 'cards of what was there before are gone');
  state.close();
});
