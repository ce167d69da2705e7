/** What the paced sender makes: each record once, in its partition, in order, as batches that the product reads; a request for each broker and turn. */
import t from 'tap';
import { RecordBatchReader } from '../../workers/records/record-batch.js';
import type { Kafka } from './kafka.js';
import { PacedSender } from './paced-sender.js';
import { purchase, record } from './transactions.js';

const RECORDS = 230, PARTITIONS = 6, BROKERS = 2, RATE_PER_SECOND = 10_000, PER_TURN = 50;
type Sent = { node: number; topic: string; batches: { partition: number; bytes: Buffer }[] };

/** Brokers that take every second partition each. */
function brokers(answer: (sent: Sent) => Promise<void>): Kafka {
  const fromNode = async (node: number, _lane: string, _api: unknown, topic: string, batches: Sent['batches']): Promise<void> => answer({ node, topic, batches });
  return { cluster: { leaderOf: (_topic: string, partition: number) => partition % BROKERS, fromNode } } as unknown as Kafka;
}
const records = Array.from({ length: RECORDS }, (_, number) => record(purchase(number, 100), PARTITIONS));

t.test('each record once, in its partition, in order', async (t) => {
  const requests: Sent[] = [], reader = new RecordBatchReader(), found: string[][] = Array.from({ length: PARTITIONS }, () => []);
  const sentMs = await new PacedSender(brokers(async (sent) => void requests.push(sent)), 'input', records, RATE_PER_SECOND).send();
  t.ok(sentMs >= (1000 * RECORDS) / RATE_PER_SECOND, 'not faster than the rate');
  t.equal(requests.length, BROKERS * Math.ceil(RECORDS / PER_TURN));
  for (const { node, topic, batches } of requests) {
    t.equal(topic, 'input');
    for (const { partition, bytes } of batches) {
      t.equal(partition % BROKERS, node);
      reader.open(bytes);
      while (reader.next()) found[partition]!.push(Buffer.from(reader.value).toString('hex'));
    }
  }
  t.same(found, Array.from({ length: PARTITIONS }, (_, partition) => records.filter((each) => each.partition === partition).map(({ value }) => value.toString('hex'))));
});

t.test('what a broker refuses fails it', async (t) => {
  let requests = 0;
  const refusing = brokers(async () => { if (++requests === 3) throw new Error('not enough replicas'); });
  await t.rejects(new PacedSender(refusing, 'input', records, RATE_PER_SECOND).send(), /not enough replicas/);
});
