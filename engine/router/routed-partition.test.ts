/** A partition's way without a broker: order, repeats until the log has it, what kills parsers, stopping. */
import { unpack } from 'msgpackr';
import t from 'tap';
import type { Reply } from '../../schemas/envelope.js';
import type { Rejected } from '../../schemas/reasons.js';
import { recordBatch } from '../../test/support/record-batch.js';
import { EnvelopeReader } from '../../workers/envelope.js';
import { parseRecordBatch, type RecordsResult, type RecordsTask } from '../../workers/parse/records.js';
import { Text, Transaction } from '../../workers/transaction.js';
import { EngineError, type DeadLetter, type Envelope } from '../engine.js';
import type { InputChunk } from '../log/log.js';
import { RoutedPartition } from './routed-partition.js';

const purchase = (n: number): string => JSON.stringify({ id: `r-${n}`, kind: 'purchase', card: 'one', occurredAt: '2025-03-01T12:00:00Z', currency: 'EUR', total: n });
const refusal = new EngineError('unavailable', 'not now', 1);

/** A topic of record batches, an engine that may refuse, parsers that may die. */
class World {
  readonly topic: InputChunk[] = [];
  readonly ids: string[] = [];
  readonly letters: { key: string | undefined; letter: Rejected }[] = [];
  readonly passed: number[] = [];
  readonly failures: string[] = [];
  /** Calls that go wrong before one goes well. */
  refusals = { submit: 0, reject: 0, begin: 0, parse: 0 };
  deadly: (task: RecordsTask) => boolean = () => false;
  submitting = 0;
  routed = this.open();
  private readonly waiting: { offset: number; resolve: () => void }[] = [];

  write(...values: string[]): void {
    const offset = this.topic.reduce((end, { offset, records }) => Math.max(end, offset + records), 0);
    this.topic.push({ offset, timestampMs: 0, batch: true, records: values.length, value: recordBatch(offset, values.map((value) => ({ value }))) });
    this.routed.wake();
  }
  reached(offset: number): Promise<void> {
    return new Promise((resolve) => (this.passed.some((each) => each >= offset) ? resolve() : this.waiting.push({ offset, resolve })));
  }
  open(from = 0): RoutedPartition {
    return this.routed = new RoutedPartition({
      topic: 'sales', partition: 3, partner: 'grocer', rejectedMax: 10,
      engine: {
        partitions: 4, gateway: 'g',
        submit: async (_lane: string, _request: number, envelopes: Envelope[]): Promise<Reply[]> => {
          t.equal(this.submitting++, 0, 'one step at a time');
          await Promise.resolve();
          this.submitting--;
          if (this.refusals.submit-- > 0) throw refusal;
          for (const { bytes } of envelopes) this.take(bytes);
          return [];
        },
        reject: async (letters: DeadLetter[]) => {
          if (this.refusals.reject-- > 0) throw refusal;
          for (const { key, value } of letters) this.letters.push({ key, letter: unpack(value) as Rejected });
        },
      },
      parser: {
        parseRecords: async (task: RecordsTask): Promise<RecordsResult> => {
          if (this.refusals.parse-- > 0 || this.deadly(task)) throw refusal;
          return parseRecordBatch(task);
        },
      },
      begin: async () => {
        if (this.refusals.begin-- > 0) throw refusal;
        return from;
      },
      take: (next) => {
        const chunk = this.topic.find(({ offset, records }) => offset + records > next);
        return chunk ? { chunks: [{ ...chunk, offset: Math.max(chunk.offset, next) }], nextOffset: chunk.offset + chunk.records } : { chunks: [], nextOffset: next };
      },
      passed: (offset) => {
        this.passed.push(offset);
        for (const waiting of this.waiting) if (waiting.offset <= offset) waiting.resolve();
      },
      failed: ({ message }) => void this.failures.push(message),
      pause: () => new Promise((resolve) => setImmediate(resolve)),
    });
  }
  private take(bytes: Uint8Array): void {
    const reader = new EnvelopeReader(), transaction = new Transaction();
    for (reader.open(bytes); reader.next(transaction);) this.ids.push(transaction.string(Text.id));
  }
}

t.test('goes on until the log has it, in order', async (t) => {
  const world = new World();
  world.refusals = { submit: 3, reject: 2, begin: 2, parse: 2 };
  const running = world.routed.run();
  for (let n = 0; n < 20; n += 2) world.write(purchase(n), n === 4 ? 'broken' : purchase(n + 1));
  await world.reached(20);
  t.same(world.ids, Array.from({ length: 20 }, (_, n) => `r-${n}`).filter((id) => id !== 'r-5'));
  t.same(world.passed, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
  t.match(world.letters, [{ key: 'sales/3/5/0', letter: { partner: 'grocer', reason: 'malformed', source: { topic: 'sales', partition: 3, offset: 5, index: 0 }, input: 'broken' } }]);
  t.equal(world.failures.length, 9);
  await world.routed.stop();
  await running;
});

t.test('begins where the group stands, also within a batch', async (t) => {
  const world = new World();
  world.open(3);
  world.write(purchase(0), purchase(1), purchase(2), purchase(3), purchase(4));
  const running = world.routed.run();
  await world.reached(5);
  t.same(world.ids, ['r-3', 'r-4']);
  await world.routed.stop();
  await running;
});

t.test('a record that kills its parser each time is set aside, alone', async (t) => {
  const world = new World(), running = world.routed.run();
  world.deadly = ({ from, to }) => from <= 5 && 5 < to;
  world.write(...Array.from({ length: 13 }, (_, n) => purchase(n)));
  await world.reached(13);
  t.same(world.ids, [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12].map((n) => `r-${n}`));
  t.match(world.letters, [{ key: 'sales/3/5/0', letter: { reason: 'poison', partner: 'grocer' } }]);
  await world.routed.stop();
  await running;
});

t.test('one that is stopped while the log refuses has not passed', async (t) => {
  const world = new World(), running = world.routed.run();
  world.refusals.submit = Infinity;
  const refused = new Promise<void>((resolve) => {
    world.failures.push = (...failures: string[]) => {
      resolve();
      return failures.length;
    };
  });
  world.write(purchase(0));
  await refused;
  await world.routed.stop();
  await running;
  t.same([world.ids, world.passed], [[], []]);
});

t.test('a bug is told, not waited for', async (t) => {
  const world = new World();
  world.deadly = () => { throw new TypeError('a bug'); };
  const running = world.routed.run();
  world.write(purchase(0));
  await t.rejects(running, /a bug/);
});
