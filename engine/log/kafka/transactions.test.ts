/** What closing does to a commit that gets no answer, without a broker. */
import t from 'tap';
import { LogError } from '../log.js';
import type { Native, NativeConsumer, NativeError, NativeProducer, TopicOffset } from './client.js';
import { Transactions } from './transactions.js';

type Done = (error: NativeError | null) => void;
const fence = (partition: number): TopicOffset => ({ topic: 'snapshots', partition, offset: 0 }), notAsked = (): Promise<never> => Promise.reject(new Error('not asked'));

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
    consumer: {} as NativeConsumer, tenure: () => 1, check: () => undefined, fence, advanced: () => t.fail('nothing has taken effect'), isCommitted: notAsked,
    thrownOut: () => t.fail('it is a member'), lookForOthers: async () => undefined,
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
  const advanced: unknown[] = [];
  const transactions = new Transactions({
    native, connection: { brokers: ['k:9092'], clientId: 'c' }, transactionalId: 'one', codec: 'none', messageBytesMax: 1e6, consumer: {} as NativeConsumer, tenure: () => 1, check: () => undefined,
    fence, advanced: (written) => advanced.push(written), isCommitted: notAsked,
    thrownOut: () => t.fail('it is a member'), lookForOthers: async () => undefined,
  });
  await transactions.open();
  const committed = transactions.commit({ records: [], offsets: [{ topic: 'commands', partition: 0, offset: 7 }], fences: [] });
  t.equal(await transactions.close(), true);
  t.same(await committed, []);
  t.same(advanced, [[]]);
});

/** Producers whose calls end as `ending` says, all others well; each record is delivered at once. */
function failing(ending: (call: string) => Partial<NativeError> | undefined): { native: Native; calls: string[] } {
  const calls: string[] = [];
  const native = {
    Producer: function open() {
      let report: (error: Error | null, delivered: { opaque: number; offset: number }) => void = () => undefined;
      const call = (name: string) => (...given: unknown[]): void => {
        calls.push(name);
        const wrong = ending(name);
        (given.at(-1) as Done)(wrong ? Object.assign(new Error(`${name} failed`), wrong) as NativeError : null);
      };
      const names = ['connect', 'disconnect', 'initTransactions', 'beginTransaction', 'sendOffsetsToTransaction', 'commitTransaction', 'abortTransaction'];
      return {
        ...Object.fromEntries(names.map((name) => [name, call(name)])), setPollInBackground: () => undefined, on: (event: string, listener: typeof report) => { if (event === 'delivery-report') report = listener; },
        produce: (...given: unknown[]) => {
          calls.push('produce');
          report(ending('delivery') ? new Error('timed out') : null, { opaque: given[5] as number, offset: 40 + (given[5] as number) });
        },
      };
    },
  } as unknown as Native;
  return { native, calls };
}
const step = { records: [{ topic: 'results', partition: 0, key: null, value: new Uint8Array(1) }], offsets: [{ topic: 'commands', partition: 0, offset: 7 }], fences: [] };
const settings = {
  connection: { brokers: ['k:9092'], clientId: 'c' }, transactionalId: 'one', codec: 'none', messageBytesMax: 1e6, consumer: {} as NativeConsumer, tenure: () => 1, check: () => undefined,
  fence, advanced: () => undefined, isCommitted: notAsked, thrownOut: () => undefined, lookForOthers: async () => undefined,
};
const failsOnce = (...failed: string[]) => {
  const left = new Set(failed);
  return (call: string): Partial<NativeError> | undefined => (left.delete(call) ? { code: 47, isTxnRequiresAbort: true } : undefined);
};

t.test('a commit that has to be aborted, it says, after Kafka was asked to decide it: what it wrote tells, not the abort, also while that can\'t be read for long', async (t) => {
  for (const tookEffect of [true, false]) {
    const { native, calls } = failing(failsOnce('commitTransaction')), asked: unknown[] = [];
    const isCommitted = async (written: unknown): Promise<boolean> => {
      if (asked.push(written) === 1) throw new LogError('unavailable', 'no leader');
      return tookEffect;
    };
    const transactions = new Transactions({ ...settings, native, isCommitted });
    await transactions.open();
    const [offset] = await transactions.commit(step);
    t.equal(calls.filter((call) => call === 'produce').length, tookEffect ? 1 : 2);
    t.equal(offset, tookEffect ? 41 : 42);
    t.same(asked, [0, 1].map(() => ({ topic: 'results', partition: 0, offset: 41 })));
    t.equal(transactions.trouble(performance.now() + 6000), undefined, 'all is well');
    t.notOk(calls.includes('abortTransaction'));
    await transactions.close();
  }
});

t.test('what Kafka was not asked to commit did not take effect, though it can\'t be aborted any more: a frozen engine\'s transaction that Kafka has ended', async (t) => {
  const { native, calls } = failing(failsOnce('sendOffsetsToTransaction', 'abortTransaction')), transactions = new Transactions({ ...settings, native });
  await transactions.open();
  t.same(await transactions.commit(step), [42], 'nobody asks how it ended');
  t.equal(calls.filter((call) => call === 'initTransactions').length, 2);
  await transactions.close();
});

t.test('a step that was refused, as its partition has moved, is not one that can\'t be committed', async (t) => {
  let tenure = 1;
  const advanced: unknown[] = [], { native } = failing(() => undefined), transactions = new Transactions({
    ...settings, native, tenure: () => tenure, lookForOthers: async () => void tenure++, advanced: (written) => advanced.push(written),
  });
  await transactions.open();
  await t.rejects(transactions.commit(step), { code: 'moved' });
  t.equal(transactions.trouble(performance.now() + 6000), undefined);
  t.same(advanced, []);
  await transactions.close();
});

t.test('what took effect in a partition that has moved meanwhile did, and says nothing of the partition as it is now', async (t) => {
  let tenure = 1;
  const advanced: unknown[] = [], { native, calls } = failing(failsOnce('commitTransaction')), transactions = new Transactions({
    ...settings, native, tenure: () => tenure, advanced: (written) => advanced.push(written), isCommitted: async () => { tenure++; return true; },
  });
  await transactions.open();
  t.same(await transactions.commit(step), [41]);
  t.same(advanced, [[]]);
  t.equal(calls.filter((call) => call === 'produce').length, 1);
  await transactions.close();
});

t.test('what has to be aborted before that is aborted, and tried again with the same bytes', async (t) => {
  for (const failed of ['sendOffsetsToTransaction', 'delivery']) {
    const { native, calls } = failing(failsOnce(failed)), transactions = new Transactions({ ...settings, native });
    await transactions.open();
    t.same(await transactions.commit(step), [42], failed);
    t.equal(calls.filter((call) => call === 'abortTransaction').length, 1);
    t.equal(calls.filter((call) => call === 'commitTransaction').length, 1);
    await transactions.close();
  }
});

t.test('commits that go on failing are said after a while, until one goes well', async (t) => {
  let left = 3, whileFailing: (string | undefined)[] = [];
  const { native } = failing((call) => {
    if (call !== 'sendOffsetsToTransaction') return undefined;
    if (left < 3) whileFailing = [0, 6000].map((laterMs) => transactions.trouble(performance.now() + laterMs));
    return left-- > 0 ? { code: 53, isTxnRequiresAbort: true } : undefined;
  });
  const transactions: Transactions = new Transactions({ ...settings, native });
  await transactions.open();
  t.equal(transactions.trouble(performance.now() + 6000), undefined);
  await transactions.commit(step);
  t.same(whileFailing, [undefined, 'nothing can be committed: sendOffsetsToTransaction failed']);
  t.equal(transactions.trouble(performance.now() + 6000), undefined);
  await transactions.close();
});
