/**
 * kill -9 at seeded random moments while a file is fed by `pointstream feed` and a till posts one by one; then start again and feed the same file again. Nothing that was
 * acknowledged is lost, nothing counts twice, and the points are those that this file works out by itself.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Generator, type GeneratedDocument } from '../../loadtest/generator.js';
import { Random } from '../../loadtest/random.js';
import { loadRules } from '../../loadtest/rule-sets.js';
import { GeneratedWorld } from '../../loadtest/world.js';
import type { VerifyReport } from '../../loadtest/verifier.js';
import { chdbMissing } from '../../engine/clickhouse/embedded-fixture.js';
import { ADMIN_KEY, eventually, NDJSON, TestEngine } from './engine.js';

const KILLS = process.env.NIGHTLY ? 40 : 2;
const TRANSACTIONS = 10_000;
/** Kills come up to here. What is left of the file has to take longer than the kill: many requests, each with a commit. */
const ROWS_OF_KILLS = 6000, BATCH_BYTES = '32768';
const seed = Number(process.env.POINTSTREAM_TEST_SEED ?? 20_260_117);

const world = new GeneratedWorld({ seed, partners: 1, stores: 12, products: 500 });
const partner = world.partnerIds[0]!;
const START_MS = Date.UTC(2026, 0, 1);
const generator = new Generator({ seed, transactions: TRANSACTIONS, accounts: 900, distribution: 'zipf', startMs: START_MS, days: 28 }, world);
const documents = Array.from({ length: TRANSACTIONS }, (_, n) => generator.document(n));

t.test('nothing is lost or counted twice, whatever moment the engine is killed at', { skip: chdbMissing }, async (t) => {
  t.comment(`seed ${seed}; another one by POINTSTREAM_TEST_SEED`);
  const random = new Random(seed).at(0);
  const engine = await TestEngine.start(t);
  await engine.put('/v1/programs/default', { name: 'Default', timeZone: 'Europe/Berlin', currencies: [{ id: 'points', scale: 0 }], expiryFrom: 'received' });
  await engine.put(`/v1/partners/${partner}`, world.partnerDocument(0));
  await engine.put('/v1/partners/till', { name: 'Till', timeZone: 'UTC', currency: 'EUR' });
  await engine.put(`/v1/partners/${partner}/products`, world.productDocuments(0).map((product) => JSON.stringify(product)).join('\n'), NDJSON);
  await engine.put('/v1/rules', { rules: loadRules(world, 14) });
  const file = join(engine.directory, 'sales.ndjson');
  writeFileSync(file, documents.map((document) => `${JSON.stringify(document)}\n`).join(''));

  const till = new Till();
  for (let kill = 0; kill < KILLS; kill++) {
    // Behind what was reached before, so that each kill finds new rows and not only repeats.
    const row = Math.floor((ROWS_OF_KILLS * (kill + random.fraction())) / KILLS), which = random.below(2) === 0 ? 'engine' : 'all', afterMs = random.below(40);
    t.comment(`kill ${which} ${afterMs} ms after row ${row}`);
    const feeding = feed(engine);
    const posting = till.post(engine);
    await eventually(async () => rowReached(file), (reached) => reached >= row);
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await engine.kill(which);
    const { code, stderr } = await feeding;
    if (!t.equal(code, 3, 'feed says that the engine is gone')) t.comment(stderr);
    await posting;
    if (kill % 2 === 1) {
      const startingMs = 200 + random.below(1000);
      t.comment(`killed again, ${startingMs} ms after it began to start`);
      await engine.killWhileStarting(startingMs);
    }
    await engine.start();
  }
  const { code, stdout, stderr } = await feed(engine);
  if (!t.equal(code, 0, 'fed to the end')) t.comment(stderr);
  const fed = JSON.parse(stdout) as { accepted: number; duplicates: number; rejected: number };
  t.equal(fed.accepted + fed.duplicates, TRANSACTIONS);

  await t.test('what the till was told is there', async (t) => {
    t.ok(till.acknowledged.length > 0, `${till.acknowledged.length} acknowledged`);
    const answers = await Promise.all(till.acknowledged.map((id) => engine.call('GET', `/v1/transactions/till/${id}`)));
    t.same(answers.filter(({ status, body }) => status !== 200 || basePoints(body) !== 10), []);
    await till.postUnanswered(engine);
  });

  const want = expected();
  const total = want.transactions + till.posted;
  await t.test('counts in ClickHouse are exact', async (t) => {
    t.equal(await engine.settled('SELECT count() FROM pointstream.transactions', total), total);
    t.same(await engine.query('SELECT count() AS rows, uniqExact(partner, id, kind) AS different FROM pointstream.transactions'), [{ rows: total, different: total }]);
    t.same(await engine.query(`SELECT count() AS rows, sum(amount) AS amount, sum(quantity) AS quantity FROM pointstream.lines WHERE partner = '${partner}'`), [want.lines]);
    t.same(await engine.query(`SELECT sum(total) AS total FROM pointstream.transactions WHERE partner = '${partner}'`), [{ total: want.lines.amount }]);
    const base = await engine.query<{ card: string; points: number }>(
      `SELECT card, sum(awards.points) AS points FROM pointstream.transactions ARRAY JOIN awards WHERE awards.rule = 'base' AND partner = '${partner}' GROUP BY card HAVING points != 0 ORDER BY card`);
    t.same(await engine.query("SELECT count() AS rows, sum(awards.points) AS points FROM pointstream.transactions ARRAY JOIN awards WHERE awards.rule = 'base' AND partner = 'till'"),
      [{ rows: till.posted, points: till.posted * 10 }]);
    t.same(base, want.basePoints, `base points of ${base.length} cards`);
  });

  await t.test('balances are the sums of what ClickHouse has', async (t) => {
    for (let i = 0; i < 12; i++) {
      const card = generator.card(random.below(100));
      const { status, body } = await engine.call('GET', `/v1/cards/${card}`);
      const sums = await engine.query<{ available: number; pending: number; debt: number }>(
        `SELECT sumIf(points, balance = 'available') AS available, sumIf(points, balance = 'pending') AS pending, sumIf(-points, balance = 'debt') AS debt FROM pointstream.entries WHERE account = '${String(body.account)}'`);
      t.match({ status, balances: body.balances }, { status: 200, balances: { points: sums[0]! } }, card);
    }
  });

  const verified = await engine.run('verify', '--data', engine.directory, '--json');
  if (!t.equal(verified.code, 0, 'the verifier finds nothing')) t.comment(verified.stdout, verified.stderr);
  t.match(JSON.parse(verified.stdout) as VerifyReport, { ok: true, differences: [] });
  t.match(await engine.stop(), { code: 0 });
});

const feed = (engine: TestEngine): ReturnType<TestEngine['run']> =>
  engine.run('feed', 'sales.ndjson', '--partner', partner, '--url', engine.http, '--key', ADMIN_KEY, '--batch-bytes', BATCH_BYTES, '--retry-seconds', '0', '--json');

/** How far the running feed has come, by the file in which it keeps its place. */
function rowReached(file: string): number {
  return (JSON.parse(readFileSync(`${file}.feed`, 'utf8')) as { place: { row: number } }).place.row;
}

const basePoints = (answer: Record<string, unknown>): number | undefined => (answer.awards as { rule: string; points: number }[]).find(({ rule }) => rule === 'base')?.points;

/** Posts purchases of 10 base points one by one and remembers which were answered. */
class Till {
  readonly acknowledged: string[] = [];
  private readonly unanswered: string[] = [];
  posted = 0;

  async post(engine: TestEngine): Promise<void> {
    for (;;) {
      const id = `till-${this.posted++}`;
      try {
        const { status, body } = await engine.call('POST', '/v1/transactions', { body: this.purchase(id) });
        if (status !== 200 || basePoints(body) !== 10) throw new Error(`${status} ${JSON.stringify(body)}`);
        this.acknowledged.push(id);
      } catch (error) {
        this.unanswered.push(id);
        // Killed while it answered.
        if (error instanceof TypeError) return;
        throw error;
      }
    }
  }
  async postUnanswered(engine: TestEngine): Promise<void> {
    const { status, body } = await engine.post(this.unanswered.map((id) => this.purchase(id)));
    if (status !== 200 || body.rejected !== 0) throw new Error(`${status} ${JSON.stringify(body)}`);
  }
  private purchase(id: string): object {
    return { id, kind: 'purchase', partner: 'till', card: `t${id.length}`, occurredAt: '2026-01-05T10:00:00Z', currency: 'EUR', total: 1000 };
  }
}

/** What the file has to come to: the base rule gives a point for each full 100, and a return takes floor(award × returned / bought) of it back. */
function expected(): { transactions: number; lines: { rows: number; amount: number; quantity: number }; basePoints: { card: string; points: number }[] } {
  const different = new Map<string, GeneratedDocument>(documents.map((document) => [`${document.kind} ${document.id}`, document]));
  const lines = { rows: 0, amount: 0, quantity: 0 };
  const points = new Map<string, number>();
  const amountOf = (document: GeneratedDocument): number => document.lines!.reduce((sum, { amount }) => sum + amount, 0);
  for (const document of different.values()) {
    const bought = document.kind === 'return' ? different.get(`purchase ${document.original!.id}`)! : document;
    const counted = document.lines ?? bought.lines!, sign = document.kind === 'return' ? -1 : 1;
    for (const { amount, quantity } of counted) {
      lines.rows++;
      lines.amount += sign * amount;
      lines.quantity += sign * Math.round(quantity * 1000);
    }
    const award = Math.floor(amountOf(bought) / 100);
    const change = document.kind === 'purchase' ? award : -Math.floor((award * counted.reduce((sum, { amount }) => sum + amount, 0)) / amountOf(bought));
    points.set(document.card, (points.get(document.card) ?? 0) + change);
  }
  const basePoints = [...points].map(([card, sum]) => ({ card, points: sum })).filter((each) => each.points !== 0).sort((a, b) => (a.card < b.card ? -1 : 1));
  return { transactions: different.size, lines, basePoints };
}
