import t from 'tap';
import { readResults, writeResults, type ResultsHeader } from './results.js';

const header = (effectsLength: number, factsLength: number): ResultsHeader => ({
  partition: 3, batch: 7, epoch: 1, clockMs: 5, inputs: [], positions: [], reference: 2, processed: 1, duplicates: 0, rejected: 0, effectsLength, factsLength, rows: 1,
});
/** Bytes that tell their place, from `offset` of their buffer on. */
function bytesAt(offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(offset + length), offset);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31) ^ (i >> 8);
  return bytes;
}

t.test('in shared memory a record has the same bytes, wherever its parts come from and go to', (t) => {
  for (const [effectsLength, factsLength] of [[0, 0], [1, 9], [13, 20_001], [8200, 8192], [16_384, 3]] as const) {
    for (let offset = 0; offset < 8; offset++) {
      const effects = bytesAt(offset, effectsLength), facts = bytesAt((offset * 3) % 8, factsLength), expected = writeResults(header(effectsLength, factsLength), effects, facts);
      const shared = writeResults(header(effectsLength, factsLength), effects, facts, (length) => new Uint8Array(new SharedArrayBuffer(offset + length), offset));
      t.equal(Buffer.compare(Buffer.from(shared), Buffer.from(expected)), 0, `${effectsLength} and ${factsLength} bytes at ${offset}`);
      const read = readResults(expected);
      t.equal(Buffer.compare(read.effects, effects) + Buffer.compare(read.facts, facts), 0, 'and is read back');
    }
  }
  t.end();
});
