/** A log with every kind of effect, each of which is damaged in turn: no byte is one that the verifier does not look at, and it names what differs. */
import t from 'tap';
import { readEffects } from '../../loadtest/verifier/effects.js';
import type { VerifyReport } from '../../loadtest/verifier/report.js';
import { verify } from '../../loadtest/verifier/verify.js';
import { writeCommand, type EngineCommand } from '../../schemas/commands.js';
import { readResults, writeResults } from '../../schemas/results.js';
import { Effect, EffectsReader } from '../../workers/effects.js';
import { baseRule, grocer, startCore, temporaryDirectory, type Core } from '../support/core.js';

/** Bytes of an effect that say one thing, as [begin, end). */
type Parts = Record<string, [number, number]>;

const transaction = (id: string, card: string, more: object = {}): object => ({ id, kind: 'purchase', partner: 'grocer', card, currency: 'USD', occurredAt: '2025-03-01T12:00:00Z', total: 1000, ...more });

async function command(core: Core, value: EngineCommand): Promise<void> {
  await core.pipeline.submit('commands', core.pipeline.nextRequest(), [{ partition: 0, bytes: writeCommand(value), count: 1 }], 'append');
}
async function fill(core: Core): Promise<void> {
  await core.publish((store) => store.putPartner('grocer', grocer));
  await core.publish((store) => store.putRules({ rules: [baseRule] }));
  const account = { index: 0, id: '900', program: 'default', cards: ['900'], registered: true, lots: [] };
  await command(core, { type: 'import', partner: '', gateway: 'test', request: core.pipeline.nextRequest(), accounts: [account] });
  await command(core, { type: 'skip', topic: 0, offset: 1_000_000, index: 0 });
  await core.post([transaction('1', '100', { total: undefined, lines: [{ sku: 'a', quantity: 1, amount: 1000 }], coupons: ['c'] })]);
  await core.post([transaction('r1', '100', { kind: 'return', total: undefined, original: { id: 'late' } })]);
  await core.post([transaction('late', '100')]);
  await command(core, { type: 'return-located', key: 'grocer\nr1', partition: 0 });
  // Decided behind all of these.
  await core.post(transaction('2', '100'));
}

/** The first of each kind. */
function partsOf(effects: Uint8Array): Parts {
  const reader = new EffectsReader(effects), parts: Parts = {};
  const note = (name: string, read: () => unknown): void => {
    const from = reader.at;
    read();
    parts[name] ??= [from, reader.at];
  };
  const varint = (): number => reader.varint(), text = (): Uint8Array => reader.text();
  while (reader.at < effects.length) {
    switch (effects[reader.at++]) {
      case Effect.open: note('open ordinal', varint); note('open program', varint); break;
      case Effect.card: note('card ordinal', varint); note('card program', varint); note('card text', text); break;
      case Effect.cells: {
        note('cells ordinal', varint);
        for (let left = reader.varint(); left > 0; left--) note('cells', () => [reader.key(), reader.key(), reader.addition()]);
        break;
      }
      case Effect.seen: note('seen id', () => [1, 2, 3, 4].map(() => reader.uint32())); note('seen content', () => [reader.uint32(), reader.uint32()]); note('seen row', varint); break;
      case Effect.wait: {
        note('wait key', text);
        const value = reader.text(), at = value.byteOffset - effects.byteOffset, id = Buffer.from(value).indexOf('r1');
        // Who is answered, which the envelope begins with, is nothing of the state.
        Object.assign(parts, { 'wait until': [at, at + 8], 'wait original': [at + 8, at + 10 + 'late'.length], 'wait transaction': [at + id, at + id + 2] });
        break;
      }
      case Effect.unwait: note('unwait', text); break;
      case Effect.reference: note('reference', varint); break;
      case Effect.flags: note('flags ordinal', varint); note('flags', varint); break;
      case Effect.skip: note('skip', text); break;
      default: throw new Error('an effect that this test does not know');
    }
  }
  return parts;
}

function damaged(effects: Uint8Array, byte: number): Uint8Array {
  const changed = new Uint8Array(effects);
  changed[byte]! ^= 1;
  return changed;
}
/** As the verifier takes it. */
function read(effects: Uint8Array): string {
  try {
    return JSON.stringify(readEffects(effects));
  } catch (error) {
    return String(error);
  }
}

t.test('whatever an effect says', async (t) => {
  const core = await startCore(temporaryDirectory(t), { partitions: 1 });
  await fill(core);
  const { log } = core, { records } = await log.read('results', 0, 0, 1 << 20), places = new Map<string, { offset: number; effects: Uint8Array; part: [number, number] }>();
  for (const { offset, value } of records) {
    const effects = new Uint8Array(readResults(value).effects);
    for (const [name, part] of Object.entries(partsOf(effects))) if (!places.has(name)) places.set(name, { offset, effects, part });
  }
  t.same([...places.keys()].map((name) => name.split(' ')[0]).filter((name, i, all) => all.indexOf(name) === i).sort(), Object.keys(Effect).sort(), 'all kinds are there');

  /** One byte of one record is another. */
  const verifyWith = (at: { offset: number; byte: number } | undefined): Promise<VerifyReport> => verify({
    log: {
      partitions: 1, bounds: (...given) => log.bounds(...given), getValue: (name) => log.getValue(name),
      async read(topic, partition, from, bytesMax) {
        const batch = await log.read(topic, partition, from, bytesMax);
        if (topic !== 'results' || at === undefined) return batch;
        return { ...batch, records: batch.records.map((record) => {
          if (record.offset !== at.offset) return record;
          const { header, effects, facts } = readResults(record.value);
          return { ...record, value: writeResults(header, damaged(effects, at.byte), facts) };
        }) };
      },
    },
  });
  t.match(await verifyWith(undefined), { ok: true, differences: [] });
  for (const [name, { offset, effects, part: [begin, end] }] of places) {
    for (let byte = begin; byte < end; byte++) t.not(read(damaged(effects, byte)), read(effects), `${name}, byte ${byte - begin} of ${end - begin}`);
    const { differences } = await verifyWith({ offset, byte: begin }).catch((error: Error) => ({ differences: [{ check: 'effects', where: error.message }] }));
    t.ok(differences.some(({ check }) => check === 'effects'), name);
  }
  await core.stop();
});
