/** The purchases of a demo on their way: batch after batch over HTTP, with a line of progress each second. */
import type { BatchAnswer } from '../gateway/batch.js';
import type { Client } from './client.js';

export interface Coalition {
  program: object;
  partners: { id: string; document: object }[];
  /** All products of a partner, NDJSON. */
  products(partner: string): Promise<string | Uint8Array>;
  rules: object[];
  /** NDJSON of about a megabyte each, with the number of transactions in it, and what of a file could not even be made one. */
  batches(): AsyncIterable<{ bytes: Uint8Array; count: number; rejected?: { reason: string }[] }>;
  /** How many transactions there will be, when that is known. */
  expected: number | undefined;
  /** Query of the posts, for files whose rows name no partner. */
  query: string;
  productName(partner: string, sku: string): string;
}

export interface Sent { accepted: number; duplicates: number; rejected: number; waiting: number; reasons: Record<string, number> }

const PROGRESS_MS = 1000;

export async function sendPurchases(client: Client, coalition: Coalition, progress: (line: string) => void): Promise<Sent> {
  const sent: Sent = { accepted: 0, duplicates: 0, rejected: 0, waiting: 0, reasons: {} };
  const began = performance.now();
  let done = 0, saidMs = began;
  /** The batch before this one: it is evaluated while the next is made. */
  let underWay: Promise<void> = Promise.resolve();
  for await (const { bytes, count, rejected = [] } of coalition.batches()) {
    await underWay;
    sent.rejected += rejected.length;
    for (const { reason } of rejected) sent.reasons[reason] = (sent.reasons[reason] ?? 0) + 1;
    if (count > 0) underWay = post(client, coalition.query, bytes, sent);
    underWay.catch(() => undefined);
    done += count + rejected.length;
    const now = performance.now();
    if (now - saidMs < PROGRESS_MS) continue;
    saidMs = now;
    const of = coalition.expected === undefined ? '' : ` of ${coalition.expected}`;
    progress(`${done}${of} transactions, ${Math.round((done * 1000) / (now - began))}/s`);
  }
  await underWay;
  return sent;
}

async function post(client: Client, query: string, bytes: Uint8Array, sent: Sent): Promise<void> {
  const { body } = await client.call('POST', `/v1/transactions${query}`, { type: 'application/x-ndjson', bytes });
  const answer = body as BatchAnswer;
  sent.accepted += answer.accepted;
  sent.duplicates += answer.duplicates;
  sent.rejected += answer.rejected;
  for (const { status, reason = 'invalid' } of answer.items) {
    if (status === 'waiting') sent.waiting++;
    else if (status === 'rejected') sent.reasons[reason] = (sent.reasons[reason] ?? 0) + 1;
  }
}
