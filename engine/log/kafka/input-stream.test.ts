/** What was deleted before it was read, without a broker. */
import t from 'tap';
import { recordBatch } from '../../../test/support/record-batch.js';
import type { Cluster } from './cluster.js';
import { OFFSET_OUT_OF_RANGE } from './fetch.js';
import { InputStream } from './input-stream.js';

const TOPIC = 'sales', PARTITION = 0, BEGIN = 4, END = 6;

/** A partition whose records before BEGIN are deleted. Fetches at the end wait for ever. */
class World {
  readonly skipped: number[][] = [];
  readonly failures: string[] = [];
  readonly read: number[] = [];
  /** Before it is told where the partition begins. */
  listing: (() => Promise<void>) | undefined;
  private next = 0;
  readonly stream: InputStream;
  readonly done: Promise<void>;

  constructor() {
    const cluster = { topicId: () => 'id', topicName: () => TOPIC, leaderOf: () => 1, fromNode: this.fetch.bind(this), fromLeader: this.list.bind(this), refresh: async () => undefined };
    let resolve = (): void => undefined;
    this.done = new Promise((settle) => { resolve = settle; });
    this.stream = new InputStream(cluster as unknown as Cluster, 'lane', false, {
      arrived: () => {
        this.take();
        if (this.next === END) resolve();
      },
      failed: ({ message }) => {
        this.failures.push(message);
        resolve();
      },
      deletedUnread: (...place) => void this.skipped.push(place.slice(2) as number[]),
    });
    this.take();
  }
  take(): void {
    for (;;) {
      const { chunks, nextOffset } = this.stream.take(TOPIC, PARTITION, this.next, 1000);
      this.read.push(...chunks.map(({ offset }) => offset));
      if (nextOffset === this.next) return;
      this.next = nextOffset;
    }
  }
  private async fetch(...given: unknown[]): Promise<unknown> {
    const [{ partitions: [target] }] = given[9] as [{ partitions: [{ fetchOffset: bigint }] }], offset = Number(target.fetchOffset);
    const answer = (error: number, records?: Uint8Array): unknown => ({ error: 0, topics: [{ id: 'id', partitions: [{ partition: PARTITION, error, begin: BEGIN, stableEnd: END, aborted: [], records }] }] });
    if (offset >= END) return new Promise(() => undefined);
    if (offset >= BEGIN) return answer(0, recordBatch(BEGIN, [{ value: 'a' }, { value: 'b' }]));
    return answer(OFFSET_OUT_OF_RANGE);
  }
  private async list(): Promise<unknown> {
    await this.listing?.();
    return { topics: [{ partitions: [{ offset: BigInt(BEGIN) }] }] };
  }
}

t.test('what was deleted before it was read is told, and reading goes on behind it', async (t) => {
  const world = new World();
  await world.done;
  world.stream.close();
  t.same([world.skipped, world.read, world.failures], [[[0, BEGIN]], [BEGIN], []]);
});

t.test('of two that ask for what was deleted, the second one is not told that the topic was made anew', async (t) => {
  const world = new World();
  let secondAsks = (): void => undefined, asked = 0;
  const both = new Promise<void>((resolve) => { secondAsks = resolve; });
  world.listing = async () => {
    if (++asked === 1) {
      world.take();
      return both;
    }
    secondAsks();
    return world.done;
  };
  await world.done;
  await new Promise((resolve) => setImmediate(resolve));
  world.stream.close();
  t.same([world.skipped, world.read, world.failures], [[[0, BEGIN]], [BEGIN], []]);
});
