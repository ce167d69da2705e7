import fc from 'fast-check';
import { pack } from 'msgpackr';
import t from 'tap';
import { floorOf, packSnapshot, unpackSnapshot } from './snapshot.js';

t.test('records come back as they were, also from the middle of a buffer', async (t) => {
  const record = fc.record({ key: fc.stringMatching(/^[a-z/0-9]{0,20}$/), value: fc.uint8Array({ maxLength: 50 }) });
  fc.assert(fc.property(fc.array(record, { maxLength: 20 }), fc.nat(9), (records, before) => {
    const packed = packSnapshot(records), within = new Uint8Array(before + packed.length + 3);
    within.set(packed, before);
    t.same(unpackSnapshot(within.subarray(before, before + packed.length)).map(({ key, value }) => ({ key, value: Uint8Array.from(value) })), records);
  }), { seed: 18 });
});

t.test('the floor of a checkpoint', async (t) => {
  t.equal(floorOf(pack({ floor: 12, opened: 3 })), 12);
});
