/** A sink's world for tests: a real embedded log, a fake ClickHouse, and what should end up there. */
import type { ClickHouseClient } from '@clickhouse/client';
import { pino } from 'pino';
import { openEmbeddedLog } from '../../engine/log/embedded.js';
import type { Log, OwnershipListener } from '../../engine/log/log.js';
import type { SinkOptions } from '../../engine/sink/options.js';
import { startSink, type Sink } from '../../engine/sink/sink.js';
import { temporaryDirectory } from '../support/core.js';
import { fakeResults, FakeClickHouse } from './fake-clickhouse.js';

export const PARTITIONS = 3;
export const WAIT_MS = 20_000;

export interface World { log: Log; fake: FakeClickHouse; client: ClickHouseClient; expected: string[]; commit(partition: number, rows: number, sink?: Sink): Promise<void>; start(more?: Partial<SinkOptions>): Promise<Sink> }

export async function world(t: { teardown(end: () => Promise<void> | void): void }): Promise<World> {
  const directory = temporaryDirectory(t);
  const log = await openEmbeddedLog({ directory, partitions: PARTITIONS });
  const fake = new FakeClickHouse(), client = await fake.start(), expected: string[] = [];
  t.teardown(async () => {
    await client.close();
    await fake.stop();
    await log.close();
  });
  return {
    log, fake, client, expected,
    async commit(partition, rows, sink) {
      const batch = (await log.bounds('results', partition)).end, record = fakeResults(partition, batch, rows);
      await log.commit({ outputs: [{ topic: 'results', partition, value: record }], positions: [] });
      for (let row = 0; row < rows; row++) expected.push(`${partition}.${batch}.${row}`);
      sink?.offer(partition, { batch, offset: batch, record, rows });
    },
    start: (more) => startSink({ log, client, partitions: PARTITIONS, logger: pino({ level: 'silent' }), rowsMax: 25, bytesMax: 2 ** 20, ...more }),
  };
}
export const sorted = (rows: string[]): string[] => [...rows].sort();

/** The log as an engine sees it that has some of the partitions; `owned` and `tenures` may change. What `more` has is asked instead of the log. */
export function shared(log: Log, owned: Set<number>, tenure: () => number = () => 1, more: Partial<Log> = {}): { log: Log; listeners: OwnershipListener[] } {
  const listeners: OwnershipListener[] = [], own: Partial<Log> = {
    owned, tenure: (partition) => (owned.has(partition) ? tenure() : undefined), onOwnership: (listener) => (listeners.push(listener), () => undefined), ...more,
  };
  return {
    listeners,
    log: new Proxy(log, {
      get: (object, name) => {
        if (name in own) return Reflect.get(own, name) as unknown;
        const value = Reflect.get(object, name) as unknown;
        return typeof value === 'function' ? value.bind(object) as unknown : value;
      },
    }),
  };
}
