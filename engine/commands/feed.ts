/**
 * `feed`: a partner's file to a running engine.
 *
 * Promises: rows reach the log in the file's order: one request is under way at a time (the server works on the pieces of a request side by side, in order).
 * A lost connection, 429 and 503 are retried; repeating is harmless, since the server recognises what it has. After every answered batch the
 * place in the file is written to FILE.feed (keyed by size and head of the file), so that an interrupted feed goes on from there; it is removed at the end.
 */
import { appendFile, writeFile } from 'node:fs/promises';
import type { ReplyItem } from '../../schemas/envelope.js';
import type { BatchAnswer } from '../gateway/batch.js';
import { addClientOptions, Client, refusal, type ProblemBody } from './client.js';
import { CommandError, exitCodes, print, printJson, say, type CommandDefinition, type ExitCode } from './command.js';
import { readMapping } from './feed-mapping.js';
import { openSource, type SourceBatch } from './feed-source.js';
import { FeedState, type FeedCounts } from './feed-state.js';
import { expectReadable, expectWritable } from './named-file.js';

const BATCH_BYTES_DEFAULT = 8 * 2 ** 20;
const BATCH_BYTES_MIN = 1024;
const BATCH_BYTES_MAX = 64 * 2 ** 20;
const PROGRESS_MS = 1000;
const advice = { format: 'say --format ndjson or --format csv', columns: '(--mapping FILE says which columns are used and what they mean, docs/feeding.md)' };

export const feed: CommandDefinition = {
  name: 'feed',
  arguments: '<file>',
  summary: 'Feed a file of transactions (NDJSON or CSV, also .gz); goes on where it was interrupted',
  examples: [
    'pointstream feed sales.ndjson.gz --partner grocer --data ./data',
    'pointstream feed sales.csv --partner grocer --mapping sales.yaml --url https://points.example --key $KEY --rejects rejects.ndjson',
  ],
  configure(command) {
    command.requiredOption('--partner <id>', 'partner whose transactions these are; rows need not name it');
    addClientOptions(command);
    command
      .option('--rejects <file>', 'write what was rejected there, as NDJSON {row,id,pointer,reason,detail}')
      .option('--mapping <file>', 'YAML that says what the columns of a CSV file mean (docs/feeding.md)')
      .option('--format <format>', 'ndjson or csv, when the name does not say so')
      .option('--batch-bytes <n>', 'size of one request', String(BATCH_BYTES_DEFAULT))
      .option('--restart', 'begin with the first row again')
      .option('--json', 'summary as JSON');
  },
  run: (options, file) => run(file!, options as unknown as FeedOptions),
};

interface FeedOptions {
  partner: string; rejects?: string; mapping?: string; format?: string; batchBytes: string; restart?: boolean; json?: boolean;
  url?: string; key?: string; data?: string; retrySeconds?: string;
}

async function run(file: string, options: FeedOptions): Promise<ExitCode> {
  const batchBytes = Number(options.batchBytes);
  if (!Number.isInteger(batchBytes) || batchBytes < BATCH_BYTES_MIN || batchBytes > BATCH_BYTES_MAX) {
    throw new CommandError(exitCodes.usage, `--batch-bytes: an integer from ${BATCH_BYTES_MIN} to ${BATCH_BYTES_MAX}`);
  }
  await expectReadable('<file>', file);
  if (options.rejects !== undefined) await expectWritable('--rejects', options.rejects);
  if (options.mapping !== undefined) await expectReadable('--mapping', options.mapping);
  const client = await Client.open({ ...options });
  const state = await FeedState.open(file, `${options.partner} ${client.url}`, options.restart === true);
  const mapping = options.mapping === undefined ? undefined : await readMapping(options.mapping);
  const source = openSource(file, { format: options.format, mapping, batchBytes, fromByte: state.place.byte, fromRow: state.place.row, advice });
  await client.expectServer();
  await expectPartner(client, options.partner);
  if (state.resumed) say(`goes on at row ${state.place.row + 1}; --restart begins again`);
  else if (options.rejects !== undefined) await writeFile(options.rejects, '');

  const began = Date.now(), fedBefore = total(state.counts);
  let saidMs = began;
  try {
    for await (const batch of source) {
      const answer = await post(batch, client, options.partner);
      await note(batch, answer, state, options.rejects);
      if (Date.now() - saidMs >= PROGRESS_MS) {
        saidMs = Date.now();
        say(`${total(state.counts)} transactions, ${Math.round(((total(state.counts) - fedBefore) * 1000) / (saidMs - began))}/s, ${state.counts.rejected} rejected`);
      }
    }
  } catch (error) {
    const { accepted, duplicates, rejected } = state.counts;
    if (state.place.row > 0) say(`interrupted; answered up to row ${state.place.row}: ${accepted} accepted, ${duplicates} duplicates, ${rejected} rejected. What is sent again is recognised`);
    throw error;
  }
  await state.finish();

  const seconds = (Date.now() - began) / 1000;
  const transactionsPerSecond = Math.round((total(state.counts) - fedBefore) / Math.max(seconds, 0.001));
  const report: FeedReport = { file, partner: options.partner, ...state.counts, reasons: state.reasons, seconds, transactionsPerSecond };
  if (options.json === true) printJson(report);
  else printSummary(report);
  return state.counts.rejected > 0 ? exitCodes.rejected : exitCodes.fine;
}

const total = ({ accepted, duplicates, rejected }: { accepted: number; duplicates: number; rejected: number }): number => accepted + duplicates + rejected;

/** Else every row would be sent and refused, one by one. A key that may not read the partner can't tell; posting says what is wrong with it. */
async function expectPartner(client: Client, partner: string): Promise<void> {
  const path = `/v1/partners/${encodeURIComponent(partner)}`, { status, body } = await client.call('GET', path, undefined, [403, 404]), problem = (body ?? {}) as ProblemBody;
  if (problem.type === '/problems/not-found') {
    const request = `curl -X PUT ${client.url}${path} -H "authorization: Bearer $KEY" -H 'content-type: application/json' -d '{"name": "…", "timeZone": "UTC", "currency": "EUR"}'`;
    throw new CommandError(exitCodes.usage, `${client.url} knows no partner ${JSON.stringify(partner)}, and nothing was sent: look at --partner, or create it with the admin key:\n  ${request}`);
  }
  if (status === 404 || problem.type === '/problems/other-partner') throw refusal(status, problem);
}

async function post(batch: SourceBatch, client: Client, partner: string): Promise<BatchAnswer> {
  if (batch.count === 0) return { accepted: 0, duplicates: 0, rejected: 0, items: [] };
  const path = `/v1/transactions?partner=${encodeURIComponent(partner)}`;
  const { status, body } = await client.call('POST', path, { type: 'application/x-ndjson', bytes: batch.bytes }, [400]);
  if (status !== 400) return body as BatchAnswer;
  const { type, detail = '' } = body as ProblemBody;
  if (type !== '/problems/malformed') throw refusal(status, body as ProblemBody);
  // Nothing of the batch could be read: every row of it is a reject.
  const items = Array.from({ length: batch.count }, (_, index): ReplyItem => ({ index, id: '', status: 'rejected', reason: 'malformed', pointer: '', detail }));
  return { accepted: 0, duplicates: 0, rejected: batch.count, items };
}

async function note(batch: SourceBatch, answer: BatchAnswer, state: FeedState, rejects: string | undefined): Promise<void> {
  const refused = [...batch.rejected, ...answer.items.filter(({ status }) => status === 'rejected')
    .map(({ index, id, pointer = '', reason = 'invalid', detail = '' }) => ({ row: batch.rowOf(index), id, pointer, reason, detail }))];
  refused.sort((a, b) => a.row - b.row);
  if (rejects !== undefined && refused.length > 0) await appendFile(rejects, refused.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  for (const { reason } of refused) state.reasons[reason] = (state.reasons[reason] ?? 0) + 1;
  state.counts.accepted += answer.accepted;
  state.counts.duplicates += answer.duplicates;
  state.counts.rejected += answer.rejected + batch.rejected.length;
  state.counts.waiting += answer.items.filter(({ status }) => status === 'waiting').length;
  await state.reached(batch.end);
}

interface FeedReport extends FeedCounts { file: string; partner: string; reasons: Record<string, number>; seconds: number; transactionsPerSecond: number }

function printSummary(report: FeedReport): void {
  print(`accepted    ${report.accepted}`);
  print(`duplicates  ${report.duplicates}`);
  if (report.waiting > 0) print(`waiting     ${report.waiting}  (returns whose purchase is not known yet)`);
  print(`rejected    ${report.rejected}`);
  for (const [reason, count] of Object.entries(report.reasons).sort(([, a], [, b]) => b - a)) print(`  ${reason.padEnd(20)} ${count}`);
  print(`seconds     ${report.seconds.toFixed(1)}  (${report.transactionsPerSecond}/s)`);
}
