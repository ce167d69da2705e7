/** The records of the peers' job: what every engine reads, and where a producer puts it. */
import { unpack } from 'msgpackr';
import t from 'tap';
import { transaction } from '../../schemas/transaction.js';
import { validateDocument } from '../../schemas/validate.js';
import { EnvelopeReader } from '../../workers/envelope.js';
import { murmur2 } from '../../workers/hash.js';
import { Text, Transaction } from '../../workers/transaction.js';
import { PlainJob } from './plain-job.js';
import { document, PARTNERS, purchase, record } from './transactions.js';

const CARDS = 1000, PARTITIONS = 8;

t.test("a card's record lies where Kafka's default partitioner puts it", async (t) => {
  // By org.apache.kafka.common.utils.Utils of kafka-clients 4.1.0: murmur2, and the partition of eight.
  const known: [string, number, number][] = [['2000000000', -1924605776, 0], ['2000000007', 1743862509, 5], ['2000123456', -523455696, 0], ['2000333332', 1622457921, 1]];
  for (const [card, hash, partition] of known) {
    t.equal(murmur2(Buffer.from(card), 0, card.length), hash, card);
    t.match(record({ ...purchase(1, CARDS), card }, PARTITIONS), { key: card, partition });
  }
});

t.test('each record is one transaction of the contract, as a MessagePack map, that the product reads without a problem', async (t) => {
  const reader = new EnvelopeReader(), read = new Transaction();
  for (let n = 0; n < 200; n++) {
    const given = purchase(n, CARDS), { key, value } = record(given, PARTITIONS), { occurredAt, ...fields } = document(given);
    t.same(validateDocument(transaction, { ...fields, occurredAt: new Date(given.occurredAtMs).toISOString() }), []);
    t.equal(Number(occurredAt), given.occurredAtMs);
    t.equal(reader.open(value), 'msgpack');
    t.ok(reader.next(read));
    t.equal(reader.problem, undefined);
    t.equal(read.string(Text.card), key);
    t.equal(read.occurredAtMs, given.occurredAtMs);
    t.equal(read.lineCount, given.lines.length);
    t.notOk(reader.next(read), 'nothing behind it');
    t.equal((unpack(value) as { card: string }).card, key);
  }
});

t.test('the records reach every rule', async (t) => {
  const job = new PlainJob(), points = new Set<number>(), partners = new Set<number>(), cards = new Set<string>();
  let happy = 0;
  for (let n = 0; n < 20_000; n++) {
    // Every 150th of three million: a whole day.
    const given = purchase(n * 150, CARDS), hour = new Date(given.occurredAtMs).getUTCHours();
    points.add(job.add(given));
    partners.add(given.partner);
    cards.add(given.card);
    if (hour >= 14 && hour < 16) happy++;
  }
  t.ok(happy > 1000 && happy < 3000, `${happy} in the happy hours`);
  t.ok(points.has(5000), 'some are capped');
  t.ok([...points].some((given) => given < 5000), 'others not');
  t.ok(cards.size > CARDS / 10 && cards.size <= CARDS);
  t.ok([...job.accounts.values()].some(({ spend }) => spend > 1_000_000));
  t.equal(new Set(Array.from({ length: PARTNERS }, (_, n) => purchase(n, CARDS).partner)).size, PARTNERS);
  t.same(purchase(7, CARDS), purchase(7, CARDS), 'always the same');
});
