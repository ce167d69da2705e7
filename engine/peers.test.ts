/** Two engines of one installation, on a log that keeps their values. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openEmbeddedLog } from './log/embedded.js';
import type { Log } from './log/log.js';
import { Peers, type PeersOptions } from './peers.js';

t.test('engines that begin at the same time know one another', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'peers-')), log = await openEmbeddedLog({ directory, partitions: 1 });
  t.teardown(async () => {
    await log.close();
    rmSync(directory, { recursive: true });
  });
  let goOn!: () => void;
  const held = new Promise<void>((resolve) => { goOn = resolve; });
  // What this one writes gets there when the other one has begun.
  const slow: Log = Object.assign(Object.create(log) as Log, {
    putOwnValues: (...given: Parameters<Log['putOwnValues']>) => held.then(() => log.putOwnValues(...given)), addValue: (...given: Parameters<Log['addValue']>) => held.then(() => log.addValue(...given)),
  });
  const start = (of: Log, host: string, value?: string): Promise<Peers> => {
    const answer: PeersOptions['answer'] = () => Promise.resolve(value === undefined ? undefined : { value });
    return Peers.start({ log: of, host, port: 0, answer });
  };
  const later = start(slow, '0.0.0.0', 'what the later one has'), first = await start(log, '127.0.0.1');
  goOn();
  const owner = await later;
  t.teardown(() => Promise.all([first.stop(), owner.stop()]));
  t.notMatch(owner.address, '0.0.0.0', 'which is no address to ask');
  await owner.announce(0);
  t.equal(await first.ask(0, { type: 'close', partition: 0 }), 'what the later one has');
});
