/** What a delivery report says of a record, without a broker. */
import t from 'tap';
import { Appender } from './appender.js';
import type { Native, NativeError, NativeProducer } from './client.js';

type Report = (error: NativeError | null, report: { topic: string; partition: number; offset: number; opaque: number }) => void;

t.test('a record is in the log when its report says where', async (t) => {
  let report: Report = () => undefined;
  const producer = {
    on: (event: string, listener: Report) => void (event === 'delivery-report' && (report = listener)),
    connect: (_options: object, done: (error: null) => void) => done(null),
    setPollInBackground: () => undefined,
    produce: () => undefined,
  } as unknown as NativeProducer;
  const native = { Producer: function open() { return producer; } } as unknown as Native;
  const appender = await Appender.open(native, { brokers: ['k:9092'], clientId: 'c' }, 'none', 1e6);
  const append = (): Promise<number[]> => appender.append([{ topic: 'commands', partition: 2, value: new Uint8Array(1), key: null }]);
  const place = { topic: 'commands', partition: 2 };

  const written = append();
  report(null, { ...place, offset: 7, opaque: 1 });
  t.same(await written, [7]);

  const refused = append();
  report(Object.assign(new Error('timed out'), { code: -192 }), { ...place, offset: -1001, opaque: 2 });
  await t.rejects(refused, { code: 'unavailable', message: /timed out/ });

  const nowhere = append();
  report(null, { ...place, offset: -1001, opaque: 3 });
  await t.rejects(nowhere, { code: 'unavailable', message: /Kafka does not say where a record of commands\/2 is/ }, 'delivered, but nowhere: whoever sent it repeats it');
});
