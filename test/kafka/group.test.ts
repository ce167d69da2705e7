/** The group of engines when a member does not do its part: others wait and say for what, and who was thrown out adds nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openKafkaLog } from '../../engine/log/kafka/kafka-log.js';
import type { Log, OwnershipListener } from '../../engine/log/log.js';
import { eventually, type Tap } from '../end-to-end/engine.js';
import { Broker, kafkaMissing } from './broker.js';

const PARTITIONS = 2, SESSION_MS = 3000, JOIN_MS = 500;

/** Holds what the log wants back, as an engine does that has not ended its batch. */
class Holder implements OwnershipListener {
  asked!: (partitions: number[]) => void;
  giveBack!: () => void;
  readonly held = new Promise<void>((resolve) => { this.giveBack = resolve; });
  readonly isAsked = new Promise<number[]>((resolve) => { this.asked = resolve; });

  gained(): void { /* what it has is not processed here */ }
  released(partitions: number[]): Promise<void> {
    this.asked(partitions);
    return this.held;
  }
  lost(): void { /* nor taken back */ }
}

if (kafkaMissing) t.pass('skipped', { skip: kafkaMissing });
else {
  const broker = await Broker.start(t);
  const openLog = async (t: Tap, prefix: string, joinMsMax?: number): Promise<Log> => {
    const directory = mkdtempSync(join(tmpdir(), 'pointstream-group-'));
    const log = await openKafkaLog({
      connection: { brokers: [broker.address] }, prefix, directory, codec: 'none', sessionMs: SESSION_MS, engine: true, partitions: PARTITIONS, ...(joinMsMax === undefined ? {} : { joinMsMax }),
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
    const third = await openLog(t, 'slow-', JOIN_MS);
    t.same([...third.owned], []);
    t.match(third.trouble, /^the group of engines slow-engines has not said for \d+ s what is to be processed here; it is PreparingRebalance, and waits for .*: .* at 127\.0\.0\.1/);
    t.equal(first.trouble, undefined, 'who is in has nothing to tell');
    holder.giveBack();
    await eventually(async () => third.trouble, (trouble) => trouble === undefined);
    t.equal(third.trouble, undefined);
    t.same(await eventually(async () => owners(first, second, third), (partitions) => partitions.length === PARTITIONS), [0, 1], 'each has one owner');
  });
}
