/** `loadtest chaos` for 20 seconds, on a real broker: engines are killed, frozen and stopped while they are fed, ClickHouse is killed, and in the end nothing is missing and nothing counts twice. */
import t from 'tap';
import type { ChaosReport } from '../../loadtest/chaos.js';
import { chdbMissing } from '../../engine/clickhouse/embedded-fixture.js';
import { ownDirectory } from '../end-to-end/engine.js';
import { pointstream } from '../support/command-line.js';
import { Broker, kafkaMissing } from './broker.js';

const seed = process.env.POINTSTREAM_TEST_SEED ?? '7', MINUTES = '0.33', SESSION_MS = '2000';

t.test('twenty seconds of chaos', { skip: kafkaMissing, timeout: 900_000 }, async (t) => {
  t.comment(`seed ${seed}; another one by POINTSTREAM_TEST_SEED`);
  const broker = await Broker.start(t);
  const { code, stdout, stderr } = await pointstream(
    ownDirectory(t), 'loadtest', 'chaos', '--kafka', broker.address, '--minutes', MINUTES, '--seed', seed, '--kafka-session-ms', SESSION_MS, '--partitions', '6',
    '--shards', '1', '--json', '-', ...(chdbMissing ? ['--clickhouse', 'off'] : []),
  );
  if (!t.equal(code, 0)) return t.comment(stderr, stdout);
  const { ok, sent, processed, rejected, waiting, verified, actions } = JSON.parse(stdout) as ChaosReport;
  t.ok(ok);
  t.match(verified, { ok: true, differences: [] });
  t.equal(sent, processed + rejected + waiting);
  t.ok(sent > 0 && Object.values(actions).some((times) => times > 0), `${sent} sent, ${JSON.stringify(actions)}`);
});
