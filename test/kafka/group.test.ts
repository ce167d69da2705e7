/** The group of engines when a member does not do its part: others wait and say for what, and who was thrown out adds nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openKafkaLog } from '../../engine/log/kafka/kafka-log.js';
import { LATEST, listOffset, READ_UNCOMMITTED } from '../../engine/log/kafka/offsets.js';
import type { Commit, Log, LogError, OwnershipListener } from '../../engine/log/log.js';
import { readAll } from '../log-contract/log-contract.js';
import { eventually, type Tap } from '../end-to-end/engine.js';
import { Broker, freePorts, kafkaMissing } from './broker.js';
import { withCluster } from './foreign.js';
import { END_TRANSACTION, HEARTBEAT, Proxy } from './proxy.js';

const PARTITIONS = 2, SESSION_MS = 3000, JOIN_MS = 500;

/** Holds what the log wants back until it is told to give it, as an engine does that has not ended its batch. */
class Holder implements OwnershipListener {
  isAsked!: Promise<number[]>;
  giveBack: () => void = () => undefined;
  /** What became its own, time after time. */
  readonly gains: number[][] = [];
  private gives = false;
  private asked!: (partitions: number[]) => void;

  constructor() {
    void this.again();
  }
  again(): Promise<number[]> {
    this.isAsked = new Promise((resolve) => { this.asked = resolve; });
    return this.isAsked;
  }
  gained(partitions: number[]): void {
    this.gains.push(partitions);
  }
  released(partitions: number[]): Promise<void> {
    this.asked(partitions);
    return this.gives ? Promise.resolve() : new Promise((resolve) => { this.giveBack = resolve; });
  }
  /** From now on it holds nothing. */
  give(): void {
    this.gives = true;
    this.giveBack();
  }
  lost(): void { /* nor taken back */ }
}

if (kafkaMissing) t.pass('skipped', { skip: kafkaMissing });
else {
  // One way to the broker leads through a proxy, which keeps heartbeats from it; to the broker, that engine is frozen. The other way leads through one, too, which keeps ends of transactions from it.
  const [slow, direct, behind] = await freePorts(3) as [number, number, number], addresses = `PLAINTEXT://127.0.0.1:${slow},DIRECT://127.0.0.1:${direct}`;
  const protocols = 'PLAINTEXT:PLAINTEXT,DIRECT:PLAINTEXT,CONTROLLER:PLAINTEXT';
  const broker = await Broker.start(t, { 'advertised.listeners': addresses, 'listener.security.protocol.map': protocols }, { listeners: [`DIRECT://127.0.0.1:${behind}`] });
  const proxy = await Proxy.start(t, slow, broker.port), directProxy = await Proxy.start(t, direct, behind);
  const openLog = async (t: Tap, prefix: string, { joinMsMax, throughProxy = false }: { joinMsMax?: number; throughProxy?: boolean } = {}): Promise<Log> => {
    const directory = mkdtempSync(join(tmpdir(), 'pointstream-group-')), brokers = [throughProxy ? `127.0.0.1:${slow}` : `127.0.0.1:${direct}`];
    const log = await openKafkaLog({
      connection: { brokers }, prefix, directory, codec: 'none', sessionMs: SESSION_MS, engine: true, partitions: PARTITIONS, ...(joinMsMax === undefined ? {} : { joinMsMax }),
    });
    t.teardown(async () => {
      await log.close();
      rmSync(directory, { recursive: true });
    });
    return log;
  };
  const owners = (...logs: Log[]): number[] => logs.flatMap(({ owned }) => [...owned]).sort();

  t.test('one that joins while another gives back slowly waits, says for what, and gets its own in the end', async (t) => {
    const first = await openLog(t, 'slow-'), holder = new Holder();
    first.onOwnership(holder);
    const second = await openLog(t, 'slow-');
    await holder.isAsked;
    const third = await openLog(t, 'slow-', { joinMsMax: JOIN_MS });
    t.same([...third.owned], []);
    const waits = /^the group of engines slow-engines has not said for \d+ s what is to be processed here; it is PreparingRebalance, and waits for .*: .* at 127\.0\.0\.1/;
    // Until its request to join is there the group is none that prepares anything.
    t.match(await eventually(async () => third.trouble, (trouble) => waits.test(trouble ?? '')), waits);
    t.equal(first.trouble, undefined, 'who is in has nothing to tell');
    holder.give();
    await eventually(async () => third.trouble, (trouble) => trouble === undefined);
    t.equal(third.trouble, undefined);
    t.same(await eventually(async () => owners(first, second, third), (partitions) => partitions.length === PARTITIONS), [0, 1], 'each has one owner');
  });

  t.test('commits of what one keeps do not keep it from giving the rest back', async (t) => {
    const first = await openLog(t, 'busy-'), holder = new Holder(), asked = holder.isAsked;
    first.onOwnership(holder);
    holder.give();
    let given: number | undefined, isOver = false, offset = 0;
    void asked.then(([partition]) => { given = partition; });
    // Two lanes each: one waits always while the other one's is under way.
    const lanes = [0, 1, 0, 1].map(async (partition) => { while (!isOver && partition !== given) await first.commit(step(partition, ++offset, 'first')); });
    const second = await openLog(t, 'busy-');
    t.same(await eventually(async () => owners(first, second), (partitions) => partitions.length === PARTITIONS && second.owned.size === 1), [0, 1]);
    isOver = true;
    await Promise.all(lanes);
    const values = [0, 1].map((partition) => ({ partition, name: `sink/${partition}`, value: Buffer.from('one insert') }));
    await t.rejects(first.putOwnValues(values), { code: 'moved' });
    for (const { name } of values) t.equal(await first.getValue(name), undefined, 'values of partitions are written together or not at all');
  });

  /** Two engines, of which the first is to give a partition back when the group loses it: the second has both, and has gone on with them. */
  const thrownOut = async (t: Test, prefix: string, goOn = (log: Log, partition: number): Promise<unknown> => log.commit(step(partition, 2, 'second'))): Promise<{
    first: Log; second: Log; holder: Holder; kept: number; given: number;
  }> => {
    const first = await openLog(t, prefix, { throughProxy: true }), holder = new Holder();
    first.onOwnership(holder);
    await Promise.all([0, 1].map((partition) => first.settled(partition)));
    for (const partition of [0, 1]) await first.commit(step(partition, 1, 'first'));
    const second = await openLog(t, prefix), [given] = await holder.isAsked, kept = 1 - given!;
    void proxy.hold(HEARTBEAT, HEARTBEAT);
    await eventually(async () => second.owned.size, (count) => count === PARTITIONS);
    for (const partition of [0, 1]) {
      await second.settled(partition);
      t.equal(await second.position('commands', partition), 1);
      await goOn(second, partition);
    }
    return { first, second, holder, kept, given: given! };
  };
  const step = (partition: number, offset: number, text: string): Commit => (
    { outputs: [{ topic: 'results', partition, value: Buffer.from(`${text} ${offset}`) }], positions: [{ topic: 'commands', partition, offset }] }
  );
  const resultsOf = async (log: Log, partition: number): Promise<string[]> => (await readAll(log, 'results', partition)).map(({ value }) => Buffer.from(value).toString());

  t.test('one that was thrown out while it gave back adds nothing to what it kept, though it is a member again and was not told', async (t) => {
    const { first, second, holder, kept, given } = await thrownOut(t, 'kept-'), again = holder.again();
    proxy.release();
    holder.giveBack();
    t.same(await again, [kept], 'it is asked for the other one, as if it had had it all the time');
    await t.rejects(first.commit(step(kept, 2, 'first')), { code: 'moved' });
    holder.give();
    for (const partition of [kept, given]) t.same(await resultsOf(second, partition), ['first 1', 'second 2']);
    t.same(await eventually(async () => owners(first, second), (partitions) => partitions.length === PARTITIONS && first.owned.size === 1), [0, 1], 'each has one owner');
    const [back] = first.owned as Set<number>;
    t.equal(await first.position('commands', back!), 2);
    await first.commit(step(back!, 3, 'first'));
  });

  t.test('one that was thrown out while a commit kept it from giving back ends that, and comes back', async (t) => {
    const { first, second, holder, given, kept } = await thrownOut(t, 'given-');
    proxy.release();
    await t.rejects(first.commit(step(given, 2, 'first')), { code: 'moved' });
    t.same(holder.gains.at(-1), [kept], 'what is on its way out is not begun again');
    t.equal(first.tenure(given), undefined, 'nor does anything count there that is begun now');
    holder.give();
    t.same(await resultsOf(second, given), ['first 1', 'second 2']);
    t.same(await eventually(async () => owners(first, second), (partitions) => partitions.length === PARTITIONS && first.owned.size === 1), [0, 1], 'each has one owner');
  });

  const noted = (text: string) => (log: Log, partition: number): Promise<void> => log.putOwnValues([{ partition, name: `sink/${partition}`, value: Buffer.from(text) }]);
  const answered: Commit['positions'][number]['topic'] = 'interactive';
  for (const [how, prefix, goOn] of [
    ['facts only, where nothing came in', 'facts-', noted('second')],
    ['what tills post', 'tills-', (log: Log, partition: number) => log.commit({ ...step(partition, 2, 'second'), positions: [{ topic: answered, partition, offset: 1 }] })],
    ['a sweep', 'sweep-', (log: Log, partition: number) => log.commit({ outputs: [{ topic: 'snapshots', partition, key: 'meta', value: Buffer.from('second') }], positions: [], fences: [partition] })],
  ] as const) {
    t.test(`one that was thrown out and was not told notes nothing of the facts of what another went on with: ${how}`, async (t) => {
      const { first, second, holder, kept } = await thrownOut(t, prefix, goOn), again = holder.again();
      proxy.release();
      holder.giveBack();
      await again;
      await t.rejects(noted('first')(first, kept), { code: 'moved' });
      holder.give();
      t.not(String(Buffer.from(await second.getValue(`sink/${kept}`) ?? [])), 'first');
    });
  }

  t.test('nor while the other has a transaction open, whose positions stay where they are', async (t) => {
    const { first, second, holder, kept } = await thrownOut(t, 'open-', async () => undefined), again = holder.again();
    // Before the first one is back: then either may have to give it away.
    const isHeld = directProxy.hold(END_TRANSACTION, HEARTBEAT), theirs = second.commit(step(kept, 2, 'second')).then(() => 'committed', ({ code }: LogError) => code);
    await isHeld;
    proxy.release();
    holder.giveBack();
    await again;
    const written = (): Promise<number> => withCluster(broker, async (cluster) => {
      await cluster.describe(['open-control']);
      return listOffset(cluster, 'open-control', 0, LATEST, READ_UNCOMMITTED);
    });
    const before = await written(), ours = noted('first')(first, kept).then(() => 'noted', ({ code }: LogError) => code);
    await eventually(written, (end) => end > before + 1); // its record, and the mark of how that ended
    directProxy.release();
    // Where that has taken so long that Kafka has aborted the other's transaction, ours may count, and the other's is tried again behind it.
    t.match((await Promise.all([ours, theirs])).join(), /^(moved,committed|noted,\w+)$/);
    holder.give();
    t.equal(await second.position('commands', kept), await theirs === 'committed' ? 2 : 1);
  });
}
