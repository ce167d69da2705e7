/** What is refused is kept and shown: never with the number of a payment card, whatever is wrong and in whichever form it came. */
import { Packr } from 'msgpackr';
import t from 'tap';
import { recordBatch } from '../../test/support/record-batch.js';
import { parseRecordBatch } from './records.js';
import { INPUT_BYTES_MAX, type RejectedItem } from './rejected-item.js';
import { parseItems, type ParseTask } from './worker.js';

const packr = new Packr({ useRecords: false });
const NUMBER = '4111111111111111', WRITTEN = '4111-1111-1111-1111', LOYALTY = '4111111111111112';
const purchase = { id: 'pan', kind: 'purchase', partner: 'grocer', card: NUMBER, occurredAt: '2025-03-01T12:00:00Z', currency: 'EUR', total: 500 };

function refused(bytes: Uint8Array, format: ParseTask['format']): RejectedItem[] {
  const task = { format, bytes, firstIndex: 0, gateway: 'g', request: 1, detailed: true, partitions: 8 };
  return parseItems(task).rejected;
}
function refusedOfTopic(value: Uint8Array): RejectedItem[] {
  return parseRecordBatch({ batch: recordBatch(0, [{ value }]), from: 0, to: 1, partner: 'grocer', gateway: 'g', partitions: 8, rejectedMax: 10 }).rejected;
}
const isSilent = (item: RejectedItem | undefined): boolean => item !== undefined && item.input.includes('****') && !/1111/.test(JSON.stringify(item));

const documents: [name: string, document: object, reason: string][] = [
  ['a total below 0', { ...purchase, total: -5 }, 'invalid'],
  ['an unknown field', { ...purchase, card: WRITTEN, clubCard: 'x' }, 'unknown-field'],
  ['an unknown field of that name', { ...purchase, card: 'c', [NUMBER]: 1 }, 'unknown-field'],
  ['a field that is missing', { ...purchase, card: '4111 1111 1111 1111', currency: undefined }, 'missing'],
  ['a number where a text has to be', { ...purchase, card: Number(NUMBER) }, 'invalid'],
  ['a text where a number has to be', { ...purchase, total: `${'.'.repeat(60)}${NUMBER}` }, 'invalid'],
  ['a total that differs', { ...purchase, lines: [{ sku: 'a', quantity: 1, amount: 1 }] }, 'total-mismatch'],
];
for (const [name, document, reason] of documents) {
  t.test(`starred: ${name}`, async (t) => {
    const json = Buffer.from(JSON.stringify(document)), packed = packr.pack(JSON.parse(json.toString()));
    for (const item of [refused(new Uint8Array(json), 'ndjson')[0], refused(new Uint8Array(json), 'json')[0], refused(new Uint8Array(packed), 'msgpack')[0], refusedOfTopic(json)[0], refusedOfTopic(packed)[0]]) {
      t.match(item, { reason });
      t.ok(isSilent(item), JSON.stringify(item));
    }
  });
}

t.test('starred: what cannot be read', async (t) => {
  for (const text of [`{"id":"pan","card":"${NUMBER}",`, `${WRITTEN}`, `{"card":"${NUMBER}"} ${NUMBER}`, `"${NUMBER}" 12`]) {
    for (const item of [refused(new Uint8Array(Buffer.from(`${text}\n`)), 'ndjson')[0], refusedOfTopic(Buffer.from(text))[0]]) t.ok(isSilent(item), `${text}: ${JSON.stringify(item)}`);
  }
});

t.test('also one that the cut goes through', async (t) => {
  const upTo = (bytes: number): string => `{"${'x'.repeat(bytes - 2)}`;
  const kept = (text: string): string => refused(new Uint8Array(Buffer.from(text)), 'ndjson')[0]!.input;
  t.equal(kept(`${upTo(INPUT_BYTES_MAX - 8)}${NUMBER}`), `${upTo(INPUT_BYTES_MAX - 8)}********`);
  t.equal(kept(`${upTo(INPUT_BYTES_MAX)}${NUMBER}`), upTo(INPUT_BYTES_MAX), 'what is cut off changes nothing');
});

t.test('other numbers stay', async (t) => {
  const text = JSON.stringify({ ...purchase, card: LOYALTY, total: -5 });
  t.equal(refused(new Uint8Array(Buffer.from(text)), 'ndjson')[0]!.input, text);
});
