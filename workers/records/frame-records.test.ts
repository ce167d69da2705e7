import { gzipSync } from 'node:zlib';
import { compressFrameSync } from 'lz4-napi';
import { compress as compressSnappy } from 'snappyjs';
import t from 'tap';
import { packFrame } from '../../schemas/frame.js';
import { openedFrame, recordBatch, type GivenRecord } from '../../test/support/record-batch.js';
import { FrameRecords } from './frame-records.js';
import { readBatchHeader, RecordBatchReader } from './record-batch.js';

const snappyJava = (bytes: Buffer): Buffer => {
  const blocks = [bytes.subarray(0, 100), bytes.subarray(100)].map((block) => compressSnappy(block));
  return Buffer.concat([Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]), ...blocks.flatMap((block) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    return [length, block];
  })]);
};
const given: GivenRecord[] = Array.from({ length: 50 }, (_, i) => ({ key: `card ${i}`, value: `value ${i}`.repeat(i), ...(i % 7 === 0 ? { headers: [['h', 'x'.repeat(i)]] as [string, string][] } : {}) }));
const codecs: [string, number, (bytes: Buffer) => Uint8Array][] = [
  ['none', 0, (bytes) => bytes], ['gzip', 1, (bytes) => gzipSync(bytes)], ['snappy', 2, (bytes) => compressSnappy(bytes)], ['snappy-java', 2, snappyJava],
  ['lz4', 3, (bytes) => compressFrameSync(bytes)],
];

for (const [name, codec, compress] of codecs) {
  t.test(`${name}: the records of a batch, whole or from an offset on`, async (t) => {
    const batch = recordBatch(1000, given, codec, compress), texts = given.map(({ value }) => value);
    t.match(readBatchHeader(batch, 0), { firstOffset: 1000, lastOffset: 1049, records: 50, bytes: batch.length, timestampMs: 1_700_000_000_000, producer: 77n, transactional: false, control: false });
    const chunk = { topic: 2, timestampMs: 5, value: batch, batch: true };
    const all = openedFrame(packFrame([{ ...chunk, offset: 1000 }, { topic: 0, offset: 3, timestampMs: 6, value: Buffer.from('single'), batch: false }]));
    t.same(all.map(({ value }) => Buffer.from(value).toString()), [...texts, 'single']);
    t.same(all.map(({ topic, offset, timestampMs }) => [topic, offset, timestampMs]), [...texts.map((_, i) => [2, 1000 + i, 5]), [0, 3, 6]]);
    t.same(openedFrame(packFrame([{ ...chunk, offset: 1030 }])).map(({ offset }) => offset), texts.slice(30).map((_, i) => 1030 + i));
    t.same(openedFrame(packFrame([{ ...chunk, offset: 1030 }]), 2).map(({ offset }) => offset), [1030, 1031], 'no more than wanted');
  });
}

t.test('keys, and nulls for keys and values', async (t) => {
  const reader = new RecordBatchReader();
  reader.open(recordBatch(0, [{ key: 'k', value: null }, { value: 'v' }, { key: '', value: '' }], 0, (bytes) => bytes));
  const found: unknown[] = [];
  while (reader.next()) found.push([reader.key && Buffer.from(reader.key).toString(), reader.valueStart < 0 ? null : Buffer.from(reader.value).toString()]);
  t.same(found, [['k', null], [undefined, 'v'], ['', '']]);
});

t.test('a batch that can not be opened is a record without content for each of its offsets', async (t) => {
  for (const batch of [recordBatch(10, given.slice(0, 4), 3, () => Buffer.from('no lz4')), recordBatch(10, given.slice(0, 4), 4, () => Buffer.from('no zstd')), recordBatch(10, given.slice(0, 4), 0, (bytes) => bytes.subarray(0, -3))]) {
    const records = openedFrame(packFrame([{ topic: 2, offset: 11, timestampMs: 5, value: batch, batch: true }]));
    t.same(records.map(({ offset, value }) => [offset, value.length]), [[11, 0], [12, 0], [13, 0]]);
  }
});

t.test('what a fetch cut off has no header, and marks are read', async (t) => {
  const batch = recordBatch(10, given, 0, (bytes) => bytes, 0x30);
  t.match(readBatchHeader(batch, 0), { transactional: true, control: true });
  t.equal(readBatchHeader(batch.subarray(0, -1), 0), undefined);
  t.equal(readBatchHeader(batch.subarray(0, 60), 0), undefined);
});

t.test('one instance opens frame after frame: of more records than it has had room for, and of more bytes', async (t) => {
  const records = new FrameRecords();
  for (const size of [10, 400, 4000, 20]) {
    const given = Array.from({ length: 3000 }, (_, i): GivenRecord => ({ key: `${i}`, value: `${i}-`.repeat(size / 10) }));
    const chunks = [0, 1000, 2000].map((first) => ({ topic: 2, offset: first, timestampMs: 5, value: recordBatch(first, given.slice(first, first + 1000), 3, (bytes) => compressFrameSync(bytes)), batch: true }));
    records.open(packFrame(chunks));
    const wrong = given.filter(({ value }, i) => records.offsets[i] !== i || Buffer.from(records.value(i)).toString() !== value);
    t.same([records.count, wrong.length], [3000, 0], `${size} bytes a record`);
  }
});
