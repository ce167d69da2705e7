/** Leaving a group, without a broker. That engines share its partitions is told by the tests of test/kafka. */
import t from 'tap';
import { codes, type Native, type NativeConsumer, type NativeError, type TopicPartition } from './client.js';
import { Membership } from './membership.js';

type Done = (error: NativeError | null) => void;
type Rebalanced = (error: Partial<NativeError>, partitions: TopicPartition[]) => void;
const ONE = [{ topic: 'commands', partition: 0 }], TWO = [{ topic: 'commands', partition: 1 }];

/** Says what it has for its owner when it is polled, as the real one does. */
function consumerWith(waiting: [code: number, partitions: TopicPartition[]][], did: string[]): Native {
  return {
    KafkaConsumer: function open({ rebalance_cb: tell }: { rebalance_cb: Rebalanced }) {
      const assigned: TopicPartition[] = [];
      return {
        on: () => undefined, setDefaultConsumeTimeout: () => undefined, subscribe: () => undefined, pause: () => undefined, assignmentLost: () => false,
        connect: (_options: unknown, done: Done) => done(null),
        consume: (_count: number, done: Done) => {
          const next = waiting.shift();
          if (next) tell({ code: next[0] }, next[1]);
          done(null);
        },
        incrementalAssign: (partitions: TopicPartition[]) => { assigned.push(...partitions); },
        incrementalUnassign: (partitions: TopicPartition[]) => { did.push(`gives back ${partitions.map(({ partition }) => partition).join()}`); },
        unsubscribe: () => {
          did.push('unsubscribes');
          waiting.push([codes.revoke, assigned]);
        },
        disconnect: (done: Done) => {
          did.push(`disconnects, with ${waiting.length} things untold`);
          done(null);
        },
      } as unknown as NativeConsumer;
    },
  } as unknown as Native;
}

const membershipOf = (native: Native): Membership => new Membership({
  native, connection: { brokers: ['k:9092'], clientId: 'c' }, group: 'g', instance: 'i', topics: ['commands'], sessionMs: 3000,
  events: { gained: () => undefined, released: async () => undefined, lost: () => t.fail('nothing is lost'), failed: (error) => t.fail(error.message) },
});

t.test('one that leaves gives back what it has, and what it is just being assigned, before it disconnects', async (t) => {
  const did: string[] = [], waiting: [number, TopicPartition[]][] = [[codes.assign, ONE]], membership = membershipOf(consumerWith(waiting, did));
  await membership.join();
  waiting.push([codes.assign, TWO]);
  await membership.leave();
  t.same(did, ['unsubscribes', 'gives back 0,1', 'disconnects, with 0 things untold']);
  t.same([...membership.ownedOf('commands')], []);
});

t.test('one whose client is still in use leaves it alone', async (t) => {
  const did: string[] = [], membership = membershipOf(consumerWith([[codes.assign, ONE]], did));
  await membership.join();
  await membership.leave(false);
  t.same(did, []);
});
