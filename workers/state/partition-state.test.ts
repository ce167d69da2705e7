import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { apply } from '../apply.js';
import { EffectsReader, EffectsWriter } from '../effects.js';
import { cellKey, lotKey } from '../ledger/cells.js';
import { PartitionState } from './partition-state.js';

const stepArbitrary = fc.record({ account: fc.nat(120), kind: fc.integer({ min: 1, max: 7 }), key2: fc.nat(12), addition: fc.integer({ min: -4, max: 9 }) });
/** What is done to the state between two batches. */
const actionArbitrary = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('batch' as const), steps: fc.array(stepArbitrary, { maxLength: 30 }) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('sweep' as const), slices: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('commit' as const), lag: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('crash' as const) }) },
);

function cellsOf(state: PartitionState): Map<string, number> {
  const cells = new Map<string, number>();
  for (let ordinal = 0; ordinal < state.accounts.opened; ordinal++) {
    state.ensure(ordinal);
    state.accounts.forEach(ordinal, (key1, key2, value) => cells.set(`${ordinal} ${key1} ${key2}`, value));
  }
  return cells;
}

t.test('after any crash, checkpoint and effects give the state of the committed batches', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'pointstream-state-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  let run = 0;
  fc.assert(
    fc.property(fc.array(actionArbitrary, { minLength: 3, maxLength: 40 }), (actions) => {
      const directory = join(root, String(run++));
      const options = { partition: 0, directory, cacheBytesMax: 1 << 18 };
      let state = new PartitionState(options);
      const results: Uint8Array[] = [];
      let committed = -1;
      const writer = new EffectsWriter();
      const replay = (effects: Uint8Array, batch: number, recovering: boolean, target: PartitionState): void => {
        const reader = new EffectsReader(effects);
        apply(target, reader, effects.length, batch, recovering);
        target.batch = batch;
      };
      const expected = (): Map<string, number> => {
        const cells = new Map<string, number>();
        const reference = new PartitionState({ partition: 0, directory: join(root, `${run++}-reference`), cacheBytesMax: 1 << 24 });
        results.forEach((effects, batch) => replay(effects, batch, false, reference));
        for (const [name, value] of cellsOf(reference)) cells.set(name, value);
        reference.close();
        return cells;
      };
      for (const action of actions) {
        if (action.type === 'batch') {
          writer.clear();
          let opened = state.accounts.opened;
          for (const { account, kind, key2, addition } of action.steps) {
            while (opened <= account) {
              writer.open(opened, 0);
              const card = Buffer.from(`card ${opened}`);
              writer.card(opened++, 0, card, 0, card.length);
            }
            writer.cells(account, 1, Float64Array.of(cellKey(kind, 0, 1)), Float64Array.of(lotKey(key2, key2)), Float64Array.of(addition));
          }
          const number = results.length;
          writer.seen(Uint32Array.of(number, 1, 2, 3), Uint32Array.of(number, 9), number % 5);
          const effects = writer.bytes.slice(0, writer.length);
          replay(effects, number, false, state);
          results.push(effects);
        } else if (action.type === 'sweep') {
          state.beginSweep();
          for (let i = 0; i < action.slices; i++) state.sweepSlice(2);
        } else if (action.type === 'commit') {
          committed = Math.max(committed, results.length - 1 - action.lag);
          state.writeCommitted(committed);
        } else {
          // What was not committed is gone; the state is read back from disk and the committed effects.
          state.close();
          results.length = committed + 1;
          state = new PartitionState(options);
          if (state.batch > committed) throw new Error('the checkpoint holds what was never committed');
          for (let batch = state.batch + 1; batch <= committed; batch++) replay(results[batch]!, batch, true, state);
          state.recovered();
          state.committed = committed;
          t.same(cellsOf(state), expected(), 'cells after the crash');
          for (let batch = 0; batch <= committed; batch++) {
            t.ok(state.transactions.find(Uint32Array.of(batch, 1, 2, 3)), 'known transactions are known');
            t.equal(state.transactions.batch, batch);
            t.equal(state.transactions.row, batch % 5);
          }
          t.notOk(state.transactions.find(Uint32Array.of(committed + 1, 1, 2, 3)), 'what was thrown away is not');
        }
      }
      t.same(cellsOf(state), expected(), 'cells at the end');
      for (let ordinal = 0; ordinal < state.accounts.opened; ordinal++) {
        const card = Buffer.from(`card ${ordinal}`);
        t.equal(state.findCard(0, card, 0, card.length), ordinal, 'cards lead to their accounts');
      }
      state.close();
    }),
    { numRuns: 40, seed: 11 },
  );
});
