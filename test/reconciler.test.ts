/**
 * The reconciler with the real embedded ClickHouse: the same purchase posted under cards of two partitions is taken back where it was posted later, once, and reported; also
 * when a posting reaches ClickHouse behind one that the reconciler has looked past. Skipped, with the reason, where chdb is not installed.
 */
import { pino } from 'pino';
import t, { type Test } from 'tap';
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
interface Answered { status: string; reason?: string | undefined; points?: number; account?: string | null }

/** An engine of two partitions with a card of each, and what a test does with them. */
async function twoHomes(t: Test) {
  const config = readConfig({ flags: { data: temporaryDirectory(t), partitions: '2', clickhousePort: '0' }, environment: {} }), logger = pino({ level: 'silent' });
  const running = await startEngine(config, logger, createMetrics());
  t.teardown(() => running.stop());
  const { engine, references, log, analytics } = running, { client } = analytics!;
  for (const put of [references.putPartner('grocer', grocer), references.putRules({ rules: [baseRule] })]) await engine.activate(put.set, put.products);
  const named = (prefix: string, partition: number, home: (name: string) => string): string => {
    for (let i = 0; ; i++) {
      const name = `${prefix}-${i}`, bytes = new Uint8Array(Buffer.from(home(name)));
      if (partitionOf(bytes, 0, bytes.length, 2) === partition) return name;
    }
  };
  const cards = [0, 1].map((partition) => named('card', partition, (card) => card)) as [string, string];
  /** An id that leads there when neither card nor account does. */
  const idAt = (partition: number, prefix: string): string => named(prefix, partition, (id) => `grocer:${id}`);
  const post = async (id: string, card: string | undefined, more: object = { kind: 'purchase', currency: 'USD', lines: [{ sku: 'a', quantity: 1, amount: 700 }] }): Promise<Answered> => {
    const request = engine.nextRequest();
    const document = { id, partner: 'grocer', card, occurredAt: '2026-01-05T10:00:00Z', ...more };
    const { envelopes } = parseItems({
      format: 'json', bytes: new Uint8Array(Buffer.from(JSON.stringify(document))), firstIndex: 0, gateway: engine.gateway, request, detailed: true, partitions: 2,
    });
    const [reply] = await engine.submit('interactive', request, envelopes, 'commit');
    return reply!.answer === undefined ? { status: reply!.items[0]!.status, reason: reply!.items[0]!.reason } : JSON.parse(reply!.answer) as Answered;
  };
  const giveBack = (id: string, of: string, card: string | undefined, more: object = {}): Promise<Answered> => post(id, card, { kind: 'return', original: { id: of }, ...more });
  const pointsOf = async (card: string): Promise<number> => {
    const { available, debt } = (await engine.readCard('default', card))!.balances.points!;
    return available - debt;
  };
  const points = (): Promise<number[]> => Promise.all(cards.map(pointsOf));
  /** Sends what it finds and waits until the partitions have done it. */
  const look = async (from: Log = log): Promise<number> => {
    t.ok(await analytics!.caughtUp(WAIT_MS));
    const reconciler = new Reconciler({ client, log: from, append: (records) => engine.append(records), intervalMs: 3_600_000, logger });
    const found = await reconciler.look();
    await pass();
    return found;
  };
  /** Behind what is in the log of both partitions; twice, for commands that these have for each other. */
  const pass = async (): Promise<void> => {
    for (let times = 0; times < 2; times++) {
      for (const card of cards) await post(`after ${Math.trunc(log.bytesAppended)}`, card, { kind: 'purchase', currency: 'USD', total: 0 });
    }
  };
  const rejected = async (): Promise<string[]> => (await queryRejectedOf(log)({ reason: 'duplicate-elsewhere' }, { limit: 100 })).data.map(({ transaction_id: id }) => String(id)).sort();
  const verify = async (): Promise<void> => {
    t.ok(await analytics!.caughtUp(WAIT_MS));
    const report = await verifyRunning(running, {});
    t.ok(report.ok, report.ok ? 'verified' : verifyText(report));
  };
  return { engine, log, client, analytics: analytics!, cards, idAt, post, giveBack, points, look, pass, rejected, verify };
}

void t.test('a purchase under two homes', { skip: chdbMissing }, async (t) => {
  const { engine, log, client, analytics, cards, post, points, look, rejected, verify } = await twoHomes(t);

  await post('twice', cards[1]);
  await post('twice', cards[0]);
  await post('once', cards[0]);
  t.same(await points(), [14, 7]);
  t.equal(await look(), 1, 'found');
  t.same(await points(), [7, 7], 'the later posting is taken back');
  t.match(await engine.findTransaction('grocer', 'twice', 'purchase'), { partition: 1, fact: { card: cards[1] } }, 'the first one is shown');
  t.same(await rejected(), ['twice']);

  t.equal(await look(), 1, 'it is still there twice in ClickHouse, and sent again');
  t.same(await points(), [7, 7], 'but taken back once');
  t.same(await rejected(), ['twice'], 'and reported once');

  // A reconciler that has come so far that both postings lie behind it, as when a partition reached ClickHouse late.
  await post('behind', cards[0]);
  await post('behind', cards[1]);
  const ahead = { ...log, getValue: () => Promise.resolve(Buffer.from(new Date().toISOString().replace('T', ' ').replace('Z', ''))), putValue: () => Promise.resolve() } as unknown as Log;
  t.equal(await look(ahead), 2, 'found behind its place');
  t.same(await points(), [7 + 7, 7], 'and taken back where it came later');

  // One that is taken back and one that was long ago, in one batch.
  await post('again', cards[1]);
  await post('again', cards[0]);
  await engine.append(['again', 'twice'].map((id) => ({ topic: 'internal', partition: 0, value: writeCommand({ type: 'reconcile', partner: 'grocer', id, kind: 'purchase' }) })));
  await post('last', cards[0]);
  t.same(await points(), [14 + 7, 7 + 7]);

  // A return of one id of two purchases that lie in different partitions: neither knows of the other's.
  for (const card of cards) {
    await post(`of ${card}`, card);
    await post('return', card, { kind: 'return', original: { id: `of ${card}` } });
  }
  t.same(await points(), [21, 14]);
  t.ok(await look() > 0);
  t.same(await points(), [21, 14], 'what was returned later stays returned');

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

  await verify();
});

void t.test('a return after the reconciler goes to the posting that counts, whatever card is presented', { skip: chdbMissing }, async (t) => {
  const { cards, post, giveBack, points, look, verify } = await twoHomes(t);
  for (const first of [0, 1]) {
    const later = 1 - first, ids = ['later card', 'no card', 'third card', 'first card'].map((name) => `${name} ${first}`);
    for (const id of ids) await post(id, cards[first]);
    for (const id of ids) await post(id, cards[later]);
    await look();
    t.equal((await points())[first], 28);
    const presented = [cards[later], undefined, `third-${first}`, cards[first]];
    for (const [i, id] of ids.entries()) t.match(await giveBack(`return of ${id}`, id, presented[i]), { status: 'processed', points: -7 }, id);
    t.same(await points(), [0, 0], 'the member keeps nothing');
    t.match(await giveBack('nothing is left', ids[0]!, cards[later]), { status: 'rejected', reason: 'return-exceeds' });
    t.match(await giveBack(`return of ${ids[0]!}`, ids[0]!, cards[later]), { status: 'duplicate' });
  }
  await verify();
});

void t.test('what was returned of the later posting before the reconciler came is returned of the one that counts', { skip: chdbMissing }, async (t) => {
  const { cards, idAt, post, giveBack, points, look, rejected, verify } = await twoHomes(t);
  const two = { kind: 'purchase', currency: 'USD', lines: [{ sku: 'a', quantity: 2, amount: 700 }, { sku: 'b', quantity: 1, amount: 300 }] };
  const half = { lines: [{ line: 1, quantity: 1, amount: 350 }] };
  const anonymous = idAt(1, 'anonymous'), all = idAt(1, 'all');
  for (const card of cards) for (const id of ['whole', 'part', 'both', all]) await post(id, card, two);
  await post(anonymous, cards[0], two);
  await post(anonymous, undefined, two);
  t.same(await points(), [50, 40]);
  await giveBack('whole', 'whole', cards[1]);
  await giveBack('part', 'part', cards[1], half);
  await giveBack('both here', 'both', cards[0]);
  await giveBack('both there', 'both', cards[1], half);
  await giveBack('all', all, undefined);
  t.match(await giveBack('of the anonymous copy', anonymous, undefined, half), { account: null, points: 0 });
  t.same(await points(), [50 - 10, 40 - 10 - 3 - 3 - 10]);
  await look();
  t.same(await points(), [50 - 10 - 10 - 3 - 10 - 3, 0], 'of the first card, never more than it had');
  t.same(await rejected(), [...['whole', 'part', 'both', all, anonymous]].sort());
  t.match(await giveBack('nothing is left', 'whole', cards[1]), { reason: 'return-exceeds' });
  t.match(await giveBack('the rest', 'part', cards[1]), { points: -7 });
  t.match(await giveBack('the rest of the anonymous copy', anonymous, undefined), { points: -7 });
  await look();
  t.same(await points(), [0, 0]);
  await verify();
});

void t.test('a purchase posted with a card and without one', { skip: chdbMissing }, async (t) => {
  const { cards, engine, idAt, post, giveBack, points, look, pass, rejected, verify } = await twoHomes(t);
  const ids = ['anonymous later', 'anonymous first'].map((prefix) => idAt(1, prefix)) as [string, string];
  await pass();
  await post(ids[0], cards[0]);
  for (const id of ids) await post(id, undefined);
  await post(ids[1], cards[0]);
  t.equal((await points())[0], 14);
  t.equal(await look(), 2);
  t.equal((await points())[0], 7);
  t.same(await rejected(), [...ids].sort());
  t.match(await engine.findTransaction('grocer', ids[0], 'purchase'), { partition: 0 });
  t.match(await giveBack('with', ids[0], undefined), { account: /./, points: -7 }, 'goes to the account of the one that counts');
  t.match(await giveBack('without', ids[1], cards[0]), { account: null, points: 0 });
  t.equal((await points())[0], 0);
  await look();
  t.same(await rejected(), [...ids].sort(), 'reported once');
  await verify();
});
