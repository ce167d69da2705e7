/** Group commit: what waits while a commit is in flight goes into the next, in order; what fails, and what is disowned. */
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { packSnapshot } from '../schemas/snapshot.js';
import type { BatchResult } from '../workers/messages.js';
import { Committer } from './committer.js';
import { LogError, type Commit, type Log } from './log/log.js';

const GATEWAY = 'own', nothing = new Uint8Array(0);

/** A result whose record says which one it is. */
function resultOf(partition: number, batch: number, more: Partial<BatchResult> = {}): BatchResult {
  return {
    partition, batch, results: Buffer.from(`${partition}.${batch}`), positions: [[batch + 1, 0], [0, 0], [10 * batch, 0]], forwards: [], replies: [], rejected: [], snapshot: undefined, offset: -1, ...more,
  } as unknown as BatchResult;
}

/** A log whose commits are answered when the test says so. */
class HeldLog {
  readonly partitions = 4;
  readonly shared = true;
  readonly owned = new Set([0, 1, 2, 3]);
  readonly tenures = new Map([0, 1, 2, 3].map((partition) => [partition, 1]));
  readonly steps: Commit[] = [];
  private readonly answers: { resolve(offsets: number[]): void; reject(error: Error): void }[] = [];

  tenure(partition: number): number | undefined {
    return this.owned.has(partition) ? this.tenures.get(partition) : undefined;
  }
  commit(step: Commit): Promise<number[]> {
    this.steps.push(step);
    return new Promise((resolve, reject) => this.answers.push({ resolve, reject }));
  }
  /** The offsets of a step's outputs are 100, 101, … */
  async answer(error?: Error): Promise<void> {
    const { resolve, reject } = this.answers.shift()!, { outputs } = this.steps[this.steps.length - this.answers.length - 1]!;
    if (error) reject(error);
    else resolve(outputs.map((_, i) => 100 + i));
    await setImmediate();
  }
  /** What of the results stood in each step. */
  get written(): string[][] {
    return this.steps.map(({ outputs }) => outputs.filter(({ topic }) => topic === 'results').map(({ value }) => Buffer.from(value).toString()));
  }
}
const moved = (): LogError => new LogError('moved', 'it is another one\'s');

function world(): { log: HeldLog; committer: Committer; committed: string[][]; failures: Error[] } {
  const log = new HeldLog(), committed: string[][] = [], failures: Error[] = [];
  const committer = new Committer(log as unknown as Log, GATEWAY, {
    committed: (results) => committed.push(results.map(({ partition, batch, offset }) => `${partition}.${batch} at ${offset}`)),
    failed: (error) => failures.push(error),
  });
  return { log, committer, committed, failures };
}

t.test('what is ready goes into one commit, what comes meanwhile into the next, in order', async (t) => {
  const { log, committer, committed } = world();
  committer.add(resultOf(0, 1));
  committer.add(resultOf(1, 5));
  await setImmediate();
  t.same(log.written, [['0.1', '1.5']]);
  for (const batch of [2, 3]) committer.add(resultOf(0, batch));
  await setImmediate();
  t.equal(log.steps.length, 1, 'one at a time');
  t.same(committed, [], 'nothing is told before it is real');
  await log.answer();
  t.same(log.written, [['0.1', '1.5'], ['0.2', '0.3']]);
  t.same(committed, [['0.1 at 100', '1.5 at 101']]);
  const idle = committer.idle();
  await log.answer();
  await idle;
  t.same(committed[1], ['0.2 at 100', '0.3 at 101']);
});

t.test('a batch is all of its parts, and of several batches the last position counts', async (t) => {
  const { log, committer, committed } = world(), snapshot = packSnapshot([{ key: 'bucket/1', value: Buffer.from('accounts') }]);
  const reply = (gateway: string): BatchResult['replies'][number] => ({ gateway, request: 1, accepted: 1, items: [] }) as unknown as BatchResult['replies'][number];
  committer.add(resultOf(2, 7, { forwards: [{ partition: 3, value: nothing }] as unknown as BatchResult['forwards'], replies: [reply(GATEWAY), reply('another')], snapshot }));
  committer.add(resultOf(2, 8));
  await setImmediate();
  const [{ outputs, positions }] = log.steps as [Commit];
  t.same(outputs.map(({ topic, partition }) => (topic === 'replies' ? topic : `${topic} ${partition}`)), ['results 2', 'internal 3', 'replies', 'snapshots 2', 'results 2'], 'our own reply needs no way');
  t.same(positions, [{ topic: 'interactive', partition: 2, offset: 9 }, { topic: 'internal', partition: 2, offset: 0 }, { topic: 'commands', partition: 2, offset: 80 }]);
  await log.answer();
  t.same(committed, [['2.7 at 100', '2.8 at 104']], 'each has the offset of its own record');
  t.equal(committer.snapshotBytes, snapshot.length);
});

t.test('when partitions have moved, the others go into the next commit, before what came meanwhile', async (t) => {
  const { log, committer, committed, failures } = world();
  for (const partition of [0, 1]) committer.add(resultOf(partition, 1));
  await setImmediate();
  committer.add(resultOf(0, 2));
  log.owned.delete(1);
  await log.answer(moved());
  t.same(log.written.at(-1), ['0.1', '0.2']);
  await log.answer();
  t.same(committed, [['0.1 at 100', '0.2 at 101']]);
  t.same(failures, []);
});

t.test('any other refusal is final', async (t) => {
  const { log, committer, committed, failures } = world();
  committer.add(resultOf(0, 1));
  await setImmediate();
  committer.add(resultOf(0, 2));
  await log.answer(new LogError('full', 'no room'));
  committer.add(resultOf(0, 3));
  await setImmediate();
  await committer.idle();
  t.match(failures, [{ code: 'full' }]);
  t.equal(log.steps.length, 1, 'nothing is tried any more');
  t.same(committed, []);
});

t.test('what is disowned is not committed, also when it comes later or has been refused, until its turn has ended', async (t) => {
  const { log, committer, committed } = world(), one = new Set([1]);
  committer.add(resultOf(0, 1));
  committer.add(resultOf(1, 1));
  await setImmediate();
  committer.add(resultOf(1, 2));
  committer.add(resultOf(0, 2));
  // Lost, and ours again at once: by what the log says nothing has changed.
  committer.disown(one);
  committer.add(resultOf(1, 3));
  await log.answer(moved());
  t.same(log.written.at(-1), ['0.1', '0.2']);
  const abandoned = committer.abandon(one);
  committer.add(resultOf(1, 4));
  await log.answer();
  await abandoned;
  committer.add(resultOf(1, 1));
  await setImmediate();
  await log.answer();
  t.same(committed, [['0.1 at 100', '0.2 at 101'], ['1.1 at 100']], 'the next turn begins anew');
});

t.test('who abandons waits for the commit in flight, and it may take effect', async (t) => {
  const { log, committer, committed } = world();
  committer.add(resultOf(3, 1));
  await setImmediate();
  let isOver = false;
  const abandoned = committer.abandon(new Set([3])).then(() => { isOver = true; });
  await setImmediate();
  t.notOk(isOver);
  await log.answer();
  await abandoned;
  t.same(committed, [['3.1 at 100']]);
});

t.test('a snapshot by itself is fenced, repeated while the partition is ours, and of an earlier turn refused', async (t) => {
  const { log, committer } = world(), snapshot = packSnapshot([{ key: 'meta', value: Buffer.from('floor') }]);
  const written = committer.snapshot(0, snapshot);
  t.match(log.steps, [{ outputs: [{ topic: 'snapshots', partition: 0, key: 'meta' }], positions: [], fences: [0] }]);
  await log.answer();
  t.equal(await written, true);
  t.equal(committer.snapshotBytes, snapshot.length);
  // Refused, and ours in another turn when it would be tried again.
  const stale = committer.snapshot(0, snapshot);
  log.tenures.set(0, 2);
  await log.answer(moved());
  t.equal(await stale, false);
  committer.disown(new Set([1]));
  t.equal(await committer.snapshot(1, snapshot), false, 'disowned');
  log.owned.delete(2);
  t.equal(await committer.snapshot(2, snapshot), false, 'not ours');
  t.equal(log.steps.length, 2);
  const broken = t.rejects(committer.snapshot(3, snapshot), { code: 'fenced' });
  await log.answer(new LogError('fenced', 'by another'));
  await broken;
});
