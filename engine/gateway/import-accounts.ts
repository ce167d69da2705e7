/**
 * POST /v1/accounts/import: accounts of another system with their balances, NDJSON, admin only. Each row becomes part of an `import` command of the partition of
 * its (first) card, where the account will live; an account of which a card is known already is refused, so a repeat imports nothing twice. Homes of further cards get links
 * to it (workers/imports.ts), and it is answered when all of them have theirs.
 *
 * Rare and small beside transactions, so it is read on the main thread (import-rows.ts), piece by piece.
 */
import type { FastifyInstance } from 'fastify';
import { writeCommand, type ImportedAccount } from '../../schemas/commands.js';
import { partitionOf } from '../../workers/hash.js';
import type { Envelope } from '../engine.js';
import { committed, type BatchAnswer } from './batch.js';
import { cutAtLines, readChunks } from './body.js';
import type { GatewayContext } from './context.js';
import { readRow, rowsOf } from './import-rows.js';
import { operations } from './openapi.js';
import { Problem } from './problems.js';
import { readQuery } from './query.js';

export function importRoutes(app: FastifyInstance, context: GatewayContext): void {
  app.post('/v1/accounts/import', { config: { scope: 'admin' }, schema: operations.importAccounts }, async (request): Promise<BatchAnswer> => {
    readQuery(request, {});
    if (!/^application\/(x-)?ndjson\b/i.test(request.headers['content-type'] ?? '')) throw new Problem('unsupported-media-type', 'send application/x-ndjson');
    const answer: BatchAnswer = { accepted: 0, duplicates: 0, rejected: 0, items: [] };
    const held = context.bodyMemory.open();
    try {
      let index = 0;
      for await (const piece of cutAtLines(readChunks(request.raw, context.config, held.take), context.config.pieceBytes)) {
        const bytes = piece.length;
        index += await importRows([...rowsOf(piece, index === 0)], index, answer, context);
        held.give(bytes);
      }
    } finally {
      held.close();
    }
    answer.items.sort((a, b) => a.index - b.index);
    return answer;
  });
}

/** Returns how many rows there are. */
async function importRows(rows: Uint8Array[], firstIndex: number, answer: BatchAnswer, context: GatewayContext): Promise<number> {
  const { engine } = context;
  const byPartition = new Map<number, ImportedAccount[]>();
  const { rejectedItemsMax } = context.config;
  for (const [place, row] of rows.entries()) {
    const index = firstIndex + place, account = readRow(row, index);
    if ('problem' in account) {
      const { id, problem } = account;
      answer.items.push({ index, id, status: 'rejected', ...problem });
      if (++answer.rejected > rejectedItemsMax) throw new Problem('malformed', `more than ${rejectedItemsMax} rows are wrong, from row ${firstIndex} on nothing was taken`);
      continue;
    }
    const partition = homeOf(account.cards[0]!, engine.partitions);
    const accounts = byPartition.get(partition);
    if (accounts) accounts.push(account);
    else byPartition.set(partition, [account]);
  }
  if (byPartition.size === 0) return rows.length;
  const request = engine.nextRequest();
  const envelopes = [...byPartition].map(([partition, accounts]): Envelope => (
    { partition, bytes: writeCommand({ type: 'import', partner: '', gateway: engine.gateway, request, accounts }), count: accounts.length }));
  for (const reply of await committed(context, engine.submit('commands', request, envelopes, 'commit'))) {
    answer.accepted += reply.accepted;
    answer.duplicates += reply.duplicates;
    answer.rejected += reply.rejected;
    for (const item of reply.items) answer.items.push(item);
  }
  return rows.length;
}

function homeOf(card: string, partitions: number): number {
  const bytes = Buffer.from(card);
  return partitionOf(bytes, 0, bytes.length, partitions);
}
