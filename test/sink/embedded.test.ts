/**
 * The sink and the real embedded ClickHouse: the child is killed while it inserts, the sink is cut off in the middle of inserts and started again on the same log and database;
 * plain count() is exact each time. Skipped, with the reason, where chdb is not installed.
 */
import { join } from 'node:path';
import type { ClickHouseClient } from '@clickhouse/client';
import fc from 'fast-check';
import { pino } from 'pino';
import t from 'tap';
import { atServer, connect, embeddedEndpoint } from '../../engine/clickhouse-endpoint.js';
import { startEmbeddedClickHouse } from '../../engine/clickhouse/child.js';
import { chdbMissing } from '../../engine/clickhouse/embedded-fixture.js';
import { openEmbeddedLog } from '../../engine/log/embedded.js';
import { Restarts } from '../../engine/restarts.js';
import { startSink, type Sink } from '../../engine/sink/sink.js';
import { migrate } from '../../schemas/clickhouse/migrations.js';
import { factCase } from '../facts/fact-cases.js';
import { temporaryDirectory } from '../support/core.js';
import { factResults } from './fact-results.js';

const PARTITIONS = 4, ROWS = 50, BATCHES = 12;
const WAIT_MS = 60_000;
const seed = 20_260_402;

async function counts(client: ClickHouseClient): Promise<{ rows: number; different: number }> {
  const answer = await client.query({ query: 'SELECT count() AS rows, uniqExact(source_partition, batch, source_index) AS different FROM pointstream.facts', format: 'JSONEachRow' });
  const [found] = await answer.json<{ rows: string; different: string }>();
  return { rows: Number(found!.rows), different: Number(found!.different) };
}

t.test('each fact once, whatever is killed', { skip: chdbMissing }, async (t) => {
  t.comment(`seed ${seed}`);
  const directory = temporaryDirectory(t), logger = pino({ level: 'silent' });
  const log = await openEmbeddedLog({ directory, partitions: PARTITIONS });
  const embedded = await startEmbeddedClickHouse({ directory: join(directory, 'clickhouse'), port: 0, host: '127.0.0.1', memoryBytesMax: 700 * 2 ** 20, access: 'readonly', logger });
  const child = new Restarts(embedded, logger);
  const endpoint = embeddedEndpoint(embedded), client = connect(endpoint);
  await atServer(endpoint, migrate);

  const cases = fc.sample(factCase(), { seed, numRuns: ROWS });
  let committed = 0;
  const commit = async (partition: number, sink: Sink): Promise<void> => {
    const batch = (await log.bounds('results', partition)).end;
    const record = factResults(cases, partition, batch);
    await log.commit({ outputs: [{ topic: 'results', partition, value: record }], positions: [] });
    committed += ROWS;
    sink.offer(partition, { batch, offset: batch, record, rows: ROWS });
  };
  let inserted = (): void => undefined;
  const start = (): Promise<Sink> => startSink({ log, client, partitions: PARTITIONS, logger, rowsMax: 2 * ROWS, bytesMax: 2 ** 20, onInsert: () => inserted() });

  for (const kill of ['nothing', 'child before the first insert', 'child after an insert', 'sink after an insert', 'both after an insert'] as const) {
    await t.test(`killed: ${kill}`, async (t) => {
      let sink = await start();
      const anInsert = new Promise<void>((resolve) => { inserted = resolve; });
      for (let i = 0; i < BATCHES; i++) await commit(i % PARTITIONS, sink);
      if (kill.includes('after')) await anInsert;
      if (kill.startsWith('child') || kill.startsWith('both')) process.kill(child.pid!, 'SIGKILL');
      if (kill.startsWith('sink') || kill.startsWith('both')) {
        // As if the process had ended: inserts under way are cut off.
        await sink.stop(0);
        sink = await start();
      }
      t.equal(await sink.caughtUp(WAIT_MS), true);
      t.same(await counts(client), { rows: committed, different: committed });
      await sink.stop();
    });
  }
  await client.close();
  await child.stop();
  await log.close();
});
