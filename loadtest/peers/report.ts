/** What a comparison found: the runs, whether they agree, and the table with the ratios. */
import { rounded } from '../figures.js';

export interface Run {
  engine: 'Pointstream' | 'Kafka Streams' | 'Flink';
  variant: string;
  /** Whole run, from the first record taken to all results readable (of Pointstream with ClickHouse: all facts there too). In a paced run, what was sent. */
  transactionsPerSecond: number;
  /** Without the first third, in which compilers warm up. */
  steadyTransactionsPerSecond: number;
  /** Until all is committed, whatever happens behind it. */
  committedTransactionsPerSecond: number;
  /** Of its processes, from the first record on; the broker's are not counted. */
  cpuSeconds: number;
  /** Anonymous and shared memory. */
  peakMemoryBytes: number;
  /** From a record's arrival to its visible result; null in a run as fast as possible. */
  p50Ms: number | null;
  p99Ms: number | null;
  /** Every balance is that of the plain calculation. */
  agrees: boolean;
}
export interface Report {
  records: number;
  cards: number;
  partitions: number;
  recordBytes: number;
  cores: number;
  /** Load average of a minute before the first run: what else the machine had to do. */
  loadBefore: number;
  ratePerSecond: number | null;
  runs: Run[];
  /** Rates (as fast as possible) or p99 delays of Pointstream as multiples of each peer's. */
  ratios: { variant: string; of: string; transactionsPerSecond: number | null; p99: number | null }[];
  agree: boolean;
}

export function ratiosOf(runs: Run[]): Report['ratios'] {
  const ours = runs.filter(({ engine }) => engine === 'Pointstream'), peers = runs.filter(({ engine }) => engine !== 'Pointstream');
  return ours.flatMap((own) => peers.map((peer) => ({
    variant: own.variant, of: `${peer.engine}, ${peer.variant}`,
    transactionsPerSecond: own.p99Ms === null ? rounded(own.transactionsPerSecond / peer.transactionsPerSecond) : null,
    p99: own.p99Ms === null || peer.p99Ms === null ? null : rounded(own.p99Ms / peer.p99Ms),
  })));
}

/** Equal as maps; else how many differ, and an example. */
export function difference(expected: Map<string, number>, found: Map<string, number>): string | undefined {
  const wrong = [...expected].filter(([card, balance]) => found.get(card) !== balance), more = [...found.keys()].filter((card) => !expected.has(card));
  if (wrong.length + more.length === 0) return undefined;
  const card = wrong[0]?.[0] ?? more[0]!, example = `card ${card}: ${expected.get(card) ?? 'nothing'} expected, ${found.get(card) ?? 'nothing'} found`;
  return `${wrong.length} of ${expected.size} balances differ, ${more.length} are of cards that nobody used; ${example}`;
}

export function table(report: Report): string {
  const { runs, records, ratePerSecond } = report, paced = ratePerSecond !== null, peers = runs.filter(({ engine }) => engine !== 'Pointstream');
  const peerName = ({ engine, variant }: Run): string => (peers.filter((other) => other.engine === engine).length > 1 ? `${engine} (${variant.split(',')[0]})` : engine);
  const head = [
    'engine', 'variant', ...(paced ? ['sent/s', 'p50 ms', 'p99 ms'] : ['tx/s', 'steady tx/s', 'committed tx/s']), 'CPU s', 'µs CPU/tx', 'peak MiB',
    ...peers.map((peer) => `${paced ? 'p99 ' : ''}× ${peerName(peer)}`), 'agrees',
  ];
  const rows = runs.map((run) => [
    run.engine, run.variant, count(run.transactionsPerSecond),
    ...(paced ? [String(run.p50Ms), String(run.p99Ms)] : [count(run.steadyTransactionsPerSecond), count(run.committedTransactionsPerSecond)]),
    run.cpuSeconds.toFixed(1), ((run.cpuSeconds * 1e6) / records).toFixed(1), String(Math.round(run.peakMemoryBytes / 2 ** 20)),
    ...peers.map((peer) => (paced ? run.p99Ms! / peer.p99Ms! : run.transactionsPerSecond / peer.transactionsPerSecond).toFixed(2)), run.agrees ? 'yes' : 'NO',
  ]);
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: string[]): string => `| ${cells.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join(' | ')} |`;
  return [
    about(report), line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line),
    report.agree ? 'All agree on every balance.' : 'THEY DO NOT AGREE.', '',
  ].join('\n');
}

function about({ records, recordBytes, cards, partitions, cores, loadBefore, ratePerSecond }: Report): string {
  const machine = `${cores} cores, load before ${loadBefore.toFixed(1)}`;
  return `${count(records)} records of ${recordBytes} bytes, ${count(cards)} cards, ${partitions} partitions, ${machine}${ratePerSecond === null ? '' : `; ${count(ratePerSecond)} records a second`}`;
}

const count = (number: number): string => String(number).replace(/\B(?=(\d{3})+$)/g, ',');
