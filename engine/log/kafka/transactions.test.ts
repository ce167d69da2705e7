/** What closing does to a commit that gets no answer, without a broker. */
import t from 'tap';
import type { Native, NativeConsumer, NativeError, NativeProducer } from './client.js';
import { Transactions } from './transactions.js';

type Done = (error: NativeError | null) => void;

t.test('a commit that gets no answer is given up, and nobody is asked again with a consumer that may be gone', async (t) => {
  const unanswered: Done[] = [], well = (...given: unknown[]): void => (given.at(-1) as Done)(null);
  let asked: () => void = () => undefined;
  const isAsked = new Promise<void>((resolve) => { asked = resolve; });
  const producer = {
    on: () => undefined, setPollInBackground: () => undefined, produce: () => undefined, connect: well, disconnect: well, initTransactions: well, beginTransaction: well, abortTransaction: well,
    sendOffsetsToTransaction: (...given: unknown[]) => { unanswered.push(given.at(-1) as Done); asked(); },
  } as unknown as NativeProducer;
  const transactions = new Transactions({
    native: { Producer: function open() { return producer; } } as unknown as Native, connection: { brokers: ['k:9092'], clientId: 'c' }, transactionalId: 'one', codec: 'none', messageBytesMax: 1e6,
    consumer: {} as NativeConsumer, tenure: () => 1, check: () => undefined, standing: () => Promise.reject(new Error('not asked')), advanced: () => t.fail('nothing has taken effect'),
    committed: async () => [], trouble: () => undefined, thrownOut: () => t.fail('it is a member'), lookForOthers: async () => undefined,
  });
  await transactions.open();
  const refused = t.rejects(transactions.commit({ records: [], offsets: [{ topic: 'commands', partition: 0, offset: 7 }], fences: [] }), { code: 'closed' });
  await isAsked;
  t.equal(await transactions.close(), false, 'the client is still at it');
  await refused;
  unanswered[0]!(Object.assign(new Error('timed out'), { code: -185, isRetriable: true }) as NativeError);
  await new Promise(setImmediate);
  t.equal(unanswered.length, 1);
  await t.rejects(transactions.commit({ records: [], offsets: [], fences: [] }), { code: 'closed' });
});

t.test('a commit that ended in time', async (t) => {
  const well = (...given: unknown[]): void => (given.at(-1) as Done)(null);
  const producer = Object.fromEntries(['connect', 'disconnect', 'initTransactions', 'beginTransaction', 'sendOffsetsToTransaction', 'commitTransaction'].map((call) => [call, well]));
  const native = { Producer: function open() { return { ...producer, on: () => undefined, setPollInBackground: () => undefined, produce: () => undefined }; } } as unknown as Native;
  const advanced: unknown[] = [], offsets = [{ topic: 'commands', partition: 0, offset: 7 }];
  const transactions = new Transactions({
    native, connection: { brokers: ['k:9092'], clientId: 'c' }, transactionalId: 'one', codec: 'none', messageBytesMax: 1e6, consumer: {} as NativeConsumer, tenure: () => 1, check: () => undefined,
    standing: () => Promise.reject(new Error('not asked')), advanced: (moved) => advanced.push(...moved), committed: async () => [], trouble: () => undefined,
    thrownOut: () => t.fail('it is a member'), lookForOthers: async () => undefined,
  });
  await transactions.open();
  const committed = transactions.commit({ records: [], offsets, fences: [] });
  t.equal(await transactions.close(), true);
  t.same(await committed, []);
  t.same(advanced, offsets);
});
