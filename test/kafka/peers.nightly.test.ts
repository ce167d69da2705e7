/**
 * All three engines at the peers' job on a small number of records: they agree on every balance, and so do the delays' runs. It takes Maven, its network and minutes, so it runs at night only.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import t from 'tap';
import { peersMissing } from '../../loadtest/peers/java.js';
import type { Report } from '../../loadtest/peers/report.js';
import { chdbMissing } from '../../engine/clickhouse/embedded-fixture.js';
import { projectRoot } from '../tidy/project.js';
import { Broker, kafkaMissing } from './broker.js';

const missing = kafkaMissing || chdbMissing || peersMissing(), skip = missing && `peers: ${missing}`;

t.test('agreement', { skip }, async (t) => {
  const broker = await Broker.start(t);
  const compare = async (...options: string[]): Promise<{ code: number | null; report: Report }> => {
    const child = spawn(process.execPath, [join(projectRoot, 'dist/loadtest/peers/run.js'), '--kafka', broker.address, '--json', '-', ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => void child.kill());
    let text = '';
    child.stdout.on('data', (chunk) => { text += chunk; });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, report: JSON.parse(text) as Report };
  };
  const drained = await compare('--records', '20000', '--partitions', '4');
  t.equal(drained.code, 0);
  t.match(drained.report, { records: 20_000, partitions: 4, agree: true });
  t.same(drained.report.runs.map(({ engine }) => engine), ['Kafka Streams', 'Flink', 'Pointstream', 'Pointstream']);
  for (const run of drained.report.runs) {
    t.ok(run.agrees && run.transactionsPerSecond > 0 && run.steadyTransactionsPerSecond > 0 && run.cpuSeconds > 0 && run.peakMemoryBytes > 0, `${run.engine}, ${run.variant}`);
    t.match(run, { p50Ms: null, p99Ms: null });
  }
  const paced = await compare('--delay', '--rate', '1000', '--seconds', '4', '--warm-up', '1', '--partitions', '4');
  t.equal(paced.code, 0);
  t.match(paced.report, { records: 4000, agree: true });
  for (const { engine, variant, p50Ms, p99Ms } of paced.report.runs) t.ok(p50Ms! >= 0 && p99Ms! >= p50Ms! && p99Ms! < 60_000, `${engine}, ${variant}: ${p50Ms} ms, ${p99Ms} ms`);
});
