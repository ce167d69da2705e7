/**
 * The reconciler with the real embedded ClickHouse: the same purchase posted under cards of two partitions is taken back where it was posted later, once, and reported; also
 * when a posting reaches ClickHouse behind one that the reconciler has looked past. Skipped, with the reason, where chdb is not installed.
 */
import { pino } from 'pino';
import t from 'tap';
import { chdbMissing } from '../engine/clickhouse/embedded-fixture.js';
import { askClickhouse, reportText } from '../engine/commands/demo-report.js';
import { readConfig } from '../engine/config.js';
import type { Log } from '../engine/log/log.js';
import { createMetrics } from '../engine/metrics.js';
import { Reconciler } from '../engine/reconciler.js';
import { queryRejectedOf } from '../engine/rejected.js';
import { startEngine } from '../engine/start.js';
import { verifyRunning, verifyText } from '../loadtest/verifier.js';
import { writeCommand } from '../schemas/commands.js';
import { partitionOf } from '../workers/hash.js';
import { parseItems } from '../workers/parse/worker.js';
import { baseRule, grocer, temporaryDirectory } from './support/core.js';

const WAIT_MS = 60_000;
void t.test('a purchase under two homes', { skip: chdbMissing }, async (t) => {
  const config = readConfig({ flags: { data: temporaryDirectory(t), partitions: '2', clickhousePort: '0' }, environment: {} }), logger = pino({ level: 'silent' });
  const running = await startEngine(config, logger, createMetrics());
  t.teardown(() => running.stop());
  const { engine, references, log, analytics } = running, { client } = analytics!;
  for (const put of [references.putPartner('grocer', grocer), references.putRules({ rules: [baseRule] })]) await engine.activate(put.set, put.products);
  const cardOf = (partition: number): string => {
    for (let i = 0; ; i++) {
      const card = `card-${i}`, bytes = new Uint8Array(Buffer.from(card));
      if (partitionOf(bytes, 0, bytes.length, 2) === partition) return card;
    }
  };
  const cards = [cardOf(0), cardOf(1)] as const;
  const post = async (id: string, card: string, more: object = { kind: 'purchase', currency: 'USD', lines: [{ sku: 'a', quantity: 1, amount: 700 }] }): Promise<void> => {
    const request = engine.nextRequest();
    const document = { id, partner: 'grocer', card, occurredAt: '2026-01-05T10:00:00Z', ...more };
    const { envelopes } = parseItems({
      format: 'json', bytes: new Uint8Array(Buffer.from(JSON.stringify(document))), firstIndex: 0, gateway: engine.gateway, request, detailed: true, partitions: 2,
    });
    await engine.submit('interactive', request, envelopes, 'commit');
  };
  const points = async (card: string): Promise<number> => (await engine.readCard('default', card))!.balances.points!.available;
  /** Sends what it finds and waits until the partitions have done it. */
  const look = async (from: Log): Promise<number> => {
    t.ok(await analytics!.caughtUp(WAIT_MS));
    const reconciler = new Reconciler({ client, log: from, append: (records) => engine.append(records), intervalMs: 3_600_000, logger });
    const found = await reconciler.look();
    await post(`after ${Math.trunc(log.bytesAppended)}`, cards[0]); // behind the commands of both partitions
    await post(`after ${Math.trunc(log.bytesAppended)}`, cards[1]);
    return found;
  };

  await post('twice', cards[1]);
  await post('twice', cards[0]);
  await post('once', cards[0]);
  t.same([await points(cards[0]), await points(cards[1])], [14, 7]);
  t.equal(await look(log), 1, 'found');
  t.same([await points(cards[0]), await points(cards[1])], [14 - 7 + 7, 7 + 7], 'the later posting is taken back (each card had one more purchase)');
  t.match(await engine.findTransaction('grocer', 'twice', 'purchase'), { partition: 1, fact: { card: cards[1] } }, 'the first one is shown');
  const { data } = await queryRejectedOf(log)({ reason: 'duplicate-elsewhere' }, { limit: 10 });
  t.match(data, [{ partner: 'grocer', transaction_id: 'twice', kind: 'purchase' }]);
  t.equal(data.length, 1);

  t.equal(await look(log), 1, 'it is still there twice in ClickHouse, and sent again');
  t.same([await points(cards[0]), await points(cards[1])], [21, 21], 'but taken back once');
  t.equal((await queryRejectedOf(log)({ reason: 'duplicate-elsewhere' }, { limit: 10 })).data.length, 1, 'and reported once');

  // A reconciler that has come so far that both postings lie behind it, as when a partition reached ClickHouse late.
  await post('behind', cards[0]);
  await post('behind', cards[1]);
  const ahead = { ...log, getValue: () => Promise.resolve(Buffer.from(new Date().toISOString().replace('T', ' ').replace('Z', ''))), putValue: () => Promise.resolve() } as unknown as Log;
  t.equal(await look(ahead), 2, 'found behind its place');
  t.same([await points(cards[0]), await points(cards[1])], [21 + 7 + 7, 21 + 7], 'and taken back where it came later');

  // One that is taken back and one that was long ago, in one batch.
  await post('again', cards[1]);
  await post('again', cards[0]);
  await engine.append(['again', 'twice'].map((id) => ({ topic: 'internal', partition: 0, value: writeCommand({ type: 'reconcile', partner: 'grocer', id, kind: 'purchase' }) })));
  await post('last', cards[0]);
  t.same([await points(cards[0]), await points(cards[1])], [35 + 7, 28 + 7]);

  // A return of one id of two purchases that lie in different partitions: neither knows of the other's.
  for (const card of cards) {
    await post(`of ${card}`, card);
    await post('return', card, { kind: 'return', original: { id: `of ${card}` } });
  }
  t.same([await points(cards[0]), await points(cards[1])], [42, 35]);
  t.ok(await look(log) > 0);
  t.same([await points(cards[0]), await points(cards[1])], [42 + 7, 35 + 7], 'what was returned later stays returned');

  t.ok(await analytics!.caughtUp(WAIT_MS));
  const answers = await askClickhouse(client, { rules: [baseRule], productName: (_partner, sku) => sku });
  const name = '(taken back: duplicate-elsewhere)';
  t.equal(answers.foundTwice, 4, 'three purchases and a return');
  t.match(answers.promotions.find(({ rule }) => rule === ''), { promotion: name, awards: 0, points: -21 }, 'the demo names it among the promotions');
  t.match(answers.settlement, [{ partner: 'grocer' }], 'and credits the partner whose postings they were');
  t.equal(answers.settlement[0]!.pointsAwarded, answers.settlement[0]!.pointsFunded);
  const entries = await client.query({ query: `SELECT partner, transaction_id, sum(points) AS points FROM entries WHERE fact = 'reconciliation' GROUP BY ALL ORDER BY transaction_id`, format: 'JSONEachRow' });
  t.match(await entries.json(), ['again', 'behind', 'twice'].map((id) => ({ partner: 'grocer', transaction_id: id })), 'entry by entry');
  const counts = { accepted: 9, duplicates: 0, rejected: 0, waiting: 0, reasons: {}, transactions: 9, secondsSent: 1, seconds: 1, transactionsPerSecond: 9, verified: true };
  t.match(reportText({ ...counts, ...answers }), /^found twice {4}4 {2}\(duplicate-elsewhere/m);

  const report = await verifyRunning(running, {});
  t.ok(report.ok, report.ok ? 'verified' : verifyText(report));
});
