/** `loadtest takeover` on a real broker, beside settings of an installation that has a ClickHouse server: nobody asks it anything. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { TakeoverReport } from '../../loadtest/takeover.js';
import { ownDirectory } from '../end-to-end/engine.js';
import { pointstream } from '../support/command-line.js';
import { Broker, kafkaMissing } from './broker.js';

t.test('an engine with an empty disk takes over all partitions', { skip: kafkaMissing, timeout: 240_000 }, async (t) => {
  const broker = await Broker.start(t), directory = ownDirectory(t);
  writeFileSync(join(directory, 'pointstream.yaml'), 'clickhouse: http://127.0.0.1:1\nclickhouseDatabase: ours\n');
  const { code, stdout, stderr } = await pointstream(
    directory, 'loadtest', 'takeover', '--kafka', broker.address, '--accounts', '100', '--transactions', '2000', '--kafka-session-ms', '2000', '--partitions', '2', '--shards', '1', '--json', '-',
  );
  if (!t.equal(code, 0)) return t.comment(stderr, stdout);
  t.match(JSON.parse(stdout) as TakeoverReport, { partitions: 2, transactions: 2000, verified: true });
});
