/**
 * `npm run peers`: Kafka Streams, Flink and Pointstream at the same job, on the same broker, one after the other, each on the same records (twenty rules, keyed state, exactly
 * once). Their balances are compared, card by card, with a plain calculation; then the table.
 *
 * Promises: everything that it starts is ended, and what it makes is removed, also when something fails. Exit code 1 when the engines do not agree, 2 when
 * they could not be compared.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fetchBroker, KafkaBroker } from '../kafka-broker.js';
import { Comparison } from './comparison.js';
import { buildPeers, peersMissing } from './java.js';
import { Kafka } from './kafka.js';
import { table } from './report.js';

const AGREE = 0, DIFFER = 1, FAILED = 2;
const HELP = `npm run peers [-- OPTIONS]

  --records N      how many transactions (1000000; with --delay: rate × seconds)
  --cards N        of how many cards (a third of the records)
  --partitions N   of every topic (8)
  --delay          sends at a rate and measures the delay from a record's arrival to its visible result
  --rate N         records a second (20000)
  --seconds N      how long (30), of which
  --warm-up N      seconds at the beginning do not count (10)
  --only TEXT      only engines and variants whose names contain one of these words, separated by commas
  --disk           the peers with RocksDB too
  --kafka ADDRESS  a broker that is there; else one is started
  --json FILE      writes the report there (-: to standard output instead of the table)
`;
const { values } = parseArgs({
  options: {
    records: { type: 'string' }, cards: { type: 'string' }, partitions: { type: 'string', default: '8' }, delay: { type: 'boolean', default: false }, rate: { type: 'string', default: '20000' },
    seconds: { type: 'string', default: '30' }, 'warm-up': { type: 'string', default: '10' }, only: { type: 'string', default: '' }, disk: { type: 'boolean', default: false },
    kafka: { type: 'string' }, json: { type: 'string' }, help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(HELP);
else process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack ?? String(error)}\n`);
  return FAILED;
});

async function main(): Promise<number> {
  const number = (name: string, text: string): number => {
    if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name}: ${text} is not a number`);
    return Number(text);
  };
  const missing = peersMissing();
  if (missing) throw new Error(missing);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(FAILED)); // children end with it
  const progress = (line: string): void => void process.stderr.write(`${line}\n`);
  const rate = number('rate', values.rate), seconds = number('seconds', values.seconds), records = values.delay ? rate * seconds : number('records', values.records ?? '1000000');
  const options = {
    records, cards: values.cards === undefined ? Math.max(1, Math.floor(records / 3)) : number('cards', values.cards), partitions: number('partitions', values.partitions),
    threads: availableParallelism(), paced: values.delay ? { ratePerSecond: rate, warmUpSeconds: number('warm-up', values['warm-up']) } : undefined,
    only: values.only.split(',').filter((word) => word !== ''), disk: values.disk, loadBefore: loadavg()[0]!, progress,
  };
  buildPeers(progress);
  if (values.kafka === undefined) fetchBroker();
  const directory = await mkdtemp(join(tmpdir(), 'pointstream-peers-')), remove = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  process.once('exit', remove);
  let broker: KafkaBroker | undefined, kafka: Kafka | undefined;
  try {
    broker = values.kafka === undefined ? await KafkaBroker.launch() : undefined;
    kafka = await Kafka.open(values.kafka ?? broker!.address);
    const report = await new Comparison(kafka, directory, options).run();
    const json = `${JSON.stringify(report, null, 2)}\n`;
    process.stdout.write(values.json === '-' ? json : table(report));
    if (values.json !== undefined && values.json !== '-') await writeFile(values.json, json);
    return report.agree ? AGREE : DIFFER;
  } finally {
    await kafka?.close();
    await broker?.end();
    remove();
    process.off('exit', remove);
  }
}
