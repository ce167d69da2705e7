/** What the peers write, read back: values and times, whatever the codec. */
import { Packr } from 'msgpackr';
import t from 'tap';
import { eachTime, PeerResults } from './peer-results.js';

/** A record batch of format 2, uncompressed: times are varints relative to the first. */
function batchOf(firstMs: number, results: { afterMs: number; value: Buffer }[]): Buffer {
  const varint = (value: number): Buffer => {
    const bytes: number[] = [];
    for (let left = value < 0 ? -2 * value - 1 : 2 * value; ; left = Math.floor(left / 128)) {
      if (left < 128) return Buffer.from([...bytes, left]);
      bytes.push((left % 128) + 128);
    }
  };
  const records = results.map(({ afterMs, value }, offset) => {
    const body = Buffer.concat([Buffer.from([0]), varint(afterMs), varint(offset), varint(-1), varint(value.length), value, varint(0)]);
    return Buffer.concat([varint(body.length), body]);
  });
  const header = Buffer.alloc(61);
  header.writeInt32BE(49 + Buffer.concat(records).length, 8);
  header.writeInt8(2, 16);
  header.writeInt32BE(results.length - 1, 23);
  header.writeBigInt64BE(BigInt(firstMs), 27);
  header.writeInt32BE(results.length, 57);
  return Buffer.concat([header, ...records]);
}
const packr = new Packr({ useRecords: false });
const value = (card: string, points: number, balance: number): Buffer => packr.pack({ id: 'p1-1', card, points, balance, lines: [[1, 2, 3, 4]] });

t.test('times, also before the first and far behind it', async (t) => {
  const times: number[] = [];
  eachTime(batchOf(1_700_000_000_000, [0, 5, -3, 86_400_000 * 40].map((afterMs) => ({ afterMs, value: value('1', 1, 1) }))), (ms) => times.push(ms));
  t.same(times, [0, 5, -3, 86_400_000 * 40].map((afterMs) => 1_700_000_000_000 + afterMs));
});

t.test('balances, and results that do not follow', async (t) => {
  const results = new PeerResults();
  results.add(batchOf(0, [{ afterMs: 0, value: value('1', 5, 5) }, { afterMs: 0, value: value('2', 7, 7) }]));
  results.add(batchOf(0, [{ afterMs: 0, value: value('1', 5, 10) }]));
  t.match(results, { records: 3, gaps: 0 });
  results.add(batchOf(0, [{ afterMs: 0, value: value('2', 1, 9) }]));
  t.equal(results.gaps, 1);
  t.same([...results.balances], [['1', 10], ['2', 9]]);
});
