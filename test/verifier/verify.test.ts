/**
 * The verifier on a real log and real shards: agrees with what the engine did, also across restarts, and finds and names each damage: a balance, a
 * counter, a fact, a posting, an effect, a lost transaction. What ClickHouse holds is damaged in clickhouse-damage.test.ts.
 */
import t from 'tap';
import { Generator } from '../../loadtest/generator.js';
import { loadRules } from '../../loadtest/rule-sets.js';
import { verifyText, type VerifyReport } from '../../loadtest/verifier/report.js';
import type { VerifySource } from '../../loadtest/verifier/source.js';
import { verify } from '../../loadtest/verifier/verify.js';
import { GeneratedWorld } from '../../loadtest/world.js';
import { readResults, writeResults } from '../../schemas/results.js';
import { Effect, EffectsReader } from '../../workers/effects.js';
import { startCore, temporaryDirectory, type Core } from '../support/core.js';

const seed = 7, COUNT = 1200, BATCH = 300, DAY_MS = 86_400_000;
t.comment(`seed ${seed}`);

const world = new GeneratedWorld({ seed, partners: 4, stores: 40, products: 400 });
const generator = new Generator({ seed, transactions: COUNT, accounts: 100, distribution: 'zipf', startMs: Date.now() - 20 * DAY_MS, days: 20 }, world);

async function publish(core: Core): Promise<void> {
  await core.publish((store) => store.putProgram('default', { name: 'Test', timeZone: 'Europe/Berlin', currencies: [{ id: 'points', scale: 0 }, { id: 'stars', scale: 2 }] }));
  for (const [partner, id] of world.partnerIds.entries()) {
    await core.publish((store) => store.putPartner(id, world.partnerDocument(partner)));
    await core.publish((store) => store.putProducts(id, Buffer.from(world.productDocuments(partner).map((product) => JSON.stringify(product)).join('\n'))));
  }
  const short = { id: 'short', version: 1, award: { kind: 'percent', percent: 10, currency: 'stars' }, expiresAfterDays: 3, pendingDays: 1 };
  await core.publish((store) => store.putRules({ rules: [...loadRules(world, 40), short] }));
}
async function feed(core: Core, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += BATCH) await core.post(Array.from({ length: Math.min(BATCH, to - n) }, (_, i) => generator.document(n + i)));
}
const sourceOf = (core: Core): Required<Pick<VerifySource, 'log' | 'cells'>> => ({ log: core.log, cells: (partition, from, count) => core.pipeline.cells(partition, from, count) });

/** The results records as they are, but one of partition 1 that `damage` changes. */
function damaged(core: Core, damage: (record: Uint8Array) => Uint8Array | undefined): VerifySource {
  const source = sourceOf(core);
  let done = false;
  return {
    ...source,
    log: {
      partitions: core.log.partitions, bounds: (...given) => core.log.bounds(...given), getValue: (name) => core.log.getValue(name),
      async read(topic, partition, from, bytesMax) {
        const batch = await core.log.read(topic, partition, from, bytesMax);
        if (topic !== 'results' || partition !== 1 || done) return batch;
        return {
          ...batch,
          records: batch.records.map((record) => {
            const value = done ? undefined : damage(record.value);
            done ||= value !== undefined;
            return value === undefined ? record : { ...record, value };
          }),
        };
      },
    },
  };
}
const problems = ({ differences }: VerifyReport): string[] => differences.map(({ check, where, expected, found }) => `${check} ${where} expected ${expected} found ${found}`);

void t.test('an engine that did what the text says, and one damage after the other', async (t) => {
  const directory = temporaryDirectory(t);
  let core = await startCore(directory, { partitions: 2, factCacheBytesMax: 0, batchBytesMax: 100_000 });
  await publish(core);
  await feed(core, 0, COUNT / 2);
  await core.stop();
  core = await startCore(directory, { partitions: 2, batchBytesMax: 100_000 });
  await feed(core, COUNT / 2, COUNT);

  const good = await verify(sourceOf(core));
  if (!good.ok) t.comment(verifyText(good));
  t.match(good, { ok: true, transactions: COUNT, differences: [] });
  for (const { check, compared } of good.checks) if (check !== 'clickhouse') t.ok(compared > 20, `${check}: ${compared}`);
  t.match(verifyText(good), new RegExp(`Everything agrees: ${COUNT.toLocaleString('en')} transactions`));

  await t.test('one balance', async (t) => {
    const source = sourceOf(core);
    const report = await verify({
      ...source,
      async cells(partition, from, count) {
        const accounts = await source.cells(partition, from, count);
        const cell = partition === 1 ? accounts.find(({ ordinal }) => ordinal === 17)?.cells.find(([key1]) => Math.floor(key1 / 2 ** 40) === 1) : undefined;
        if (cell) cell[2] += 1;
        return accounts;
      },
    });
    t.equal(report.ok, false);
    t.equal(report.checks.reduce((sum, { differences }) => sum + differences, 0), 1, 'and nothing else');
    t.match(problems(report)[0], /^lots account 1\.17, cell .*\(available\) expected \d+ found \d+/);
  });

  await t.test('one fact', async (t) => {
    const report = await verify(damaged(core, (record) => {
      const { header, effects, facts } = readResults(record), text = Buffer.from(facts), at = text.indexOf('t000000');
      if (at < 0) return undefined;
      text[at + 10]! ^= 1;
      return writeResults(header, effects, text);
    }));
    t.equal(report.ok, false);
    t.match(problems(report)[0], /^results partition 1, batch \d+, row \d+, (purchase|return) partner-\d+\/t\d+: id expected t\d+ found t\d+/);
  });

  await t.test('one effect', async (t) => {
    const report = await verify(damaged(core, (record) => {
      const { header, effects, facts } = readResults(record), at = placeOfAddition(effects);
      if (at < 0) return undefined;
      const changed = effects.slice();
      changed[at]! ^= 1;
      return writeResults(header, changed, facts);
    }));
    t.equal(report.checks.reduce((sum, { differences }) => sum + differences, 0), 1, 'and nothing else');
    t.match(problems(report)[0], /^effects partition 1, batch \d+: account 1\.\d+, cell [\d/]+ expected -?\d+ found -?\d+/);
  });

  await t.test('a batch that says it processed one more', async (t) => {
    const report = await verify(damaged(core, (record) => {
      const { header, effects, facts } = readResults(record);
      return writeResults({ ...header, processed: header.processed + 1 }, effects, facts);
    }));
    t.match(problems(report), [/^inputs partition 1, batch 0: counts\.processed expected 0 found 1/]);
  });

  await t.test('a batch that says it got further', async (t) => {
    const report = await verify(damaged(core, (record) => {
      const { header, effects, facts } = readResults(record), [[offset, item], ...others] = header.positions as [[number, number], ...[number, number][]];
      return writeResults({ ...header, positions: [[offset + 1, item], ...others] }, effects, facts);
    }));
    t.match(problems(report), [/^inputs partition 1, batch 0: positions\.0\.0 expected \d+ found \d+/]);
  });
  await core.stop();
});

void t.test('while the engine goes on', async (t) => {
  const core = await startCore(temporaryDirectory(t), { partitions: 2 });
  await publish(core);
  await feed(core, 0, 500);
  let feeding = true;
  const fed = (async () => {
    for (let n = 500; feeding && n + 100 <= COUNT; n += 100) await feed(core, n, n + 100);
  })();
  const report = await verify(sourceOf(core));
  feeding = false;
  await fed;
  if (!report.ok) t.comment(verifyText(report));
  t.ok(report.ok);
  await core.stop();
});

/** Where the lowest byte of the first addition to a cell lies. */
function placeOfAddition(effects: Uint8Array): number {
  const reader = new EffectsReader(effects);
  while (reader.at < effects.length) {
    switch (effects[reader.at++]) {
      case Effect.open: reader.varint(); reader.varint(); break;
      case Effect.card: reader.varint(); reader.varint(); reader.text(); break;
      case Effect.reference: reader.varint(); break;
      case Effect.cells:
        reader.varint();
        reader.varint();
        reader.key();
        reader.key();
        return reader.at + 1;
      default: return -1;
    }
  }
  return -1;
}
