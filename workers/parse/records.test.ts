import { gzipSync } from 'node:zlib';
import { Packr } from 'msgpackr';
import t from 'tap';
import { recordBatch, type GivenRecord } from '../../test/support/record-batch.js';
import { EnvelopeReader } from '../envelope.js';
import { partitionOf } from '../hash.js';
import { Text, Transaction } from '../transaction.js';
import { parseRecordBatch, type RecordsResult, type RecordsTask } from './records.js';

const PARTITIONS = 8, FIRST = 100;
const packr = new Packr({ useRecords: false });
const purchase = (n: number): Record<string, unknown> => ({
  id: `r-${n}`, kind: 'purchase', partner: 'grocer', card: `card ${n % 5}`, occurredAt: '2025-03-01T12:00:00Z', currency: 'EUR', total: 500 + n,
});
const nameless = (n: number): object => Object.fromEntries(Object.entries(purchase(n)).filter(([name]) => name !== 'partner'));

function parse(values: GivenRecord['value'][], options: Partial<RecordsTask> = {}): RecordsResult {
  const batch = recordBatch(FIRST, values.map((value) => ({ value })), 1, (bytes) => gzipSync(bytes));
  return parseRecordBatch({ batch, from: FIRST, to: FIRST + values.length, partner: 'grocer', gateway: 'g', partitions: PARTITIONS, rejectedMax: 1000, ...options });
}
/** Ids in the order in which they stand, by partition; each has to be in its card's. */
function accepted({ envelopes }: RecordsResult): string[] {
  const reader = new EnvelopeReader(), transaction = new Transaction(), ids: string[] = [];
  for (const { partition, bytes, count } of envelopes) {
    t.equal(reader.open(bytes), 'transactions');
    t.match(reader.header, { gateway: 'g', request: 0, count });
    while (reader.next(transaction)) {
      const card = Buffer.from(transaction.string(Text.card));
      t.equal(partitionOf(card, 0, card.length, PARTITIONS), partition);
      t.equal(transaction.string(Text.partner), 'grocer');
      ids.push(transaction.string(Text.id));
    }
  }
  return ids;
}
const refused = ({ rejected }: RecordsResult): [number, number, string, string][] => rejected.map(({ offset, index, reason, id }) => [offset, index, reason, id]);

t.test('single transactions and arrays, JSON and MessagePack, told by their first byte', async (t) => {
  const result = parse([
    JSON.stringify(purchase(0)), JSON.stringify([purchase(1), purchase(2)]), packr.pack(purchase(3)), packr.pack([purchase(4), purchase(5)]), ` \n${JSON.stringify(purchase(6))}`,
    `\ufeff${JSON.stringify(purchase(7))}`, '[]',
  ]);
  t.match(result, { records: 7, count: 8, rejected: [] });
  t.same(accepted(result).sort(), Array.from({ length: 8 }, (_, n) => `r-${n}`));
});

t.test('what is no JSON, and can be no MessagePack either, is spoken of as JSON', async (t) => {
  const details = parse(['sold: 3', 'id,kind\n1,purchase', new Uint8Array([0xc0])]).rejected.map(({ detail }) => detail);
  t.same(details, ['expected a JSON object or an array of objects, at byte 0', 'expected a JSON object or an array of objects, at byte 0', 'expected a MessagePack map or an array of maps, at byte 0']);
});

t.test('records of one card stay in order, over forms', async (t) => {
  const result = parse(Array.from({ length: 50 }, (_, n) => (n % 2 ? packr.pack(purchase(n)) : JSON.stringify([purchase(n)]))));
  const ids = accepted(result).map((id) => Number(id.slice(2)));
  for (let card = 0; card < 5; card++) {
    const of = ids.filter((n) => n % 5 === card);
    t.same(of, [...of].sort((a, b) => a - b), `card ${card}`);
  }
});

t.test('the partner of the topic is the partner of each transaction', async (t) => {
  const result = parse([JSON.stringify(nameless(0)), packr.pack([nameless(1), { ...purchase(2), partner: 'other' }])]);
  t.same(accepted(result).sort(), ['r-0', 'r-1']);
  t.match(result.rejected, [{ offset: FIRST + 1, index: 1, reason: 'other-partner', pointer: '/partner', detail: 'the topic belongs to partner "grocer"', id: 'r-2', partner: 'other' }]);
});

t.test('what is broken is refused where it stands, and what is around it is taken', async (t) => {
  const mark = Buffer.from([0xc1, 2, ...packr.pack({ type: 'tick' })]);
  const result = parse([
    JSON.stringify(purchase(0)), '{"id": "r-1"', null, '', '"text"', mark, Buffer.from([0, 0, 0, 0, 1, 9]), JSON.stringify([purchase(7), { ...purchase(8), total: -1 }, purchase(9)]),
    `[${JSON.stringify(purchase(10))}, {"id": ]`, packr.pack([purchase(11), 5]), packr.pack(purchase(12)).subarray(0, 20), JSON.stringify(purchase(13)),
  ]);
  t.same(accepted(result).sort(), ['r-0', 'r-10', 'r-11', 'r-13', 'r-7', 'r-9']);
  t.same(refused(result), [
    [101, 0, 'malformed', ''], [102, 0, 'malformed', ''], [103, 0, 'malformed', ''], [104, 0, 'malformed', ''], [105, 0, 'malformed', ''], [106, 0, 'malformed', ''],
    [107, 1, 'invalid', 'r-8'], [108, 1, 'malformed', ''], [109, 1, 'invalid', ''], [110, 0, 'malformed', ''],
  ]);
  t.match(result.rejected[0], { input: '{"id": "r-1"' });
  t.match(result.rejected[3], { input: '"text"' });
  t.match(result.rejected[6], { input: JSON.stringify({ ...purchase(8), total: -1 }), pointer: '/total' });
  t.equal(result.count, 16);
});

t.test('a record that is nothing but mistakes is refused as a whole from its bound on', async (t) => {
  const result = parse([`[${'1,'.repeat(50)}1]`, JSON.stringify(purchase(1))], { rejectedMax: 3 });
  t.same(refused(result).map(([offset, index]) => [offset, index]), [[100, 0], [100, 1], [100, 2], [100, 3]]);
  t.match(result.rejected[3], { detail: 'more than 3 items of the record are wrong; from item 3 on nothing was read' });
  t.same(accepted(result), ['r-1']);
});

t.test('a part of a batch', async (t) => {
  const result = parse(Array.from({ length: 10 }, (_, n) => JSON.stringify(purchase(n))), { from: FIRST + 3, to: FIRST + 6 });
  t.same(accepted(result).sort(), ['r-3', 'r-4', 'r-5']);
  t.equal(result.records, 3);
});

t.test('a batch that cannot be opened, or only to its middle', async (t) => {
  const values = Array.from({ length: 4 }, (_, n) => ({ value: JSON.stringify(purchase(n)) })), task = { from: FIRST, to: FIRST + 4, partner: 'grocer', gateway: 'g', partitions: PARTITIONS, rejectedMax: 9 };
  t.match(parseRecordBatch({ ...task, batch: recordBatch(FIRST, values, 1) }), { envelopes: [], rejected: [{ offset: 100, index: 0, reason: 'malformed', detail: /the records 100 to 103 can't be read/ }] });
  const result = parseRecordBatch({ ...task, batch: recordBatch(FIRST, values).subarray(0, -60) });
  t.same(accepted(result).sort(), ['r-0', 'r-1', 'r-2']);
  t.match(result.rejected, [{ offset: 103, index: 0, reason: 'malformed', detail: "the records 103 to 103 can't be read: a record batch is damaged" }]);
});
