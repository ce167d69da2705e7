/**
 * POST /v1/accounts/import: accounts of another system with their balances, NDJSON, admin only. Each row becomes part of an `import` command of the partition of
 * its (first) card, where the account will live; an account of which a card is known already is refused, so a repeat imports nothing twice. Homes of further cards get links
 * to it (workers/imports.ts), and it is answered when all of them have theirs.
 *
 *   {"card":"900" | "cards":["900","901"], "program"?, "registered"?, "balances":{"points": 120 | {"lots":[{"points":120,"funder"?,"matures"?,"expires"?}]}}}
 *
 * A funder that isn't named is `import`. Rare and small beside transactions, so it is read on the main thread, piece by piece.
 */
import type { FastifyInstance } from 'fastify';
import { writeCommand, type ImportedAccount, type ImportedLot } from '../../schemas/commands.js';
import type { ReplyItem } from '../../schemas/envelope.js';
import { boolean, identifier, list, optional, record } from '../../schemas/fields.js';
import { nearestName, validateDocument, type Problem as Wrong } from '../../schemas/validate.js';
import { partitionOf } from '../../workers/hash.js';
import type { Envelope } from '../engine.js';
import { committed, type BatchAnswer } from './batch.js';
import { cutAtLines, readChunks } from './body.js';
import type { GatewayContext } from './context.js';
import { operations } from './openapi.js';
import { Problem } from './problems.js';
import { readQuery } from './query.js';

const DAY_MS = 86_400_000;
const LOTS_MAX = 1000;
const NEVER = -1;
const rowFields = record({
  card: optional(identifier()), cards: optional(list(identifier(), 1, 100)), program: optional(identifier()), registered: optional(boolean()),
});

export function importRoutes(app: FastifyInstance, context: GatewayContext): void {
  app.post('/v1/accounts/import', { config: { scope: 'admin' }, schema: operations.importAccounts }, async (request): Promise<BatchAnswer> => {
    readQuery(request, {});
    if (!/^application\/(x-)?ndjson\b/i.test(request.headers['content-type'] ?? '')) throw new Problem('unsupported-media-type', 'send application/x-ndjson');
    const answer: BatchAnswer = { accepted: 0, duplicates: 0, rejected: 0, items: [] };
    const held = context.bodyMemory.open();
    try {
      let index = 0;
      for await (const piece of cutAtLines(readChunks(request.raw, context.config, held.take), context.config.pieceBytes)) {
        const rows = Buffer.from(piece).toString('utf8').split('\n').filter((row) => row.trim() !== '');
        await importRows(rows, index, answer, context);
        index += rows.length;
        held.give(piece.length);
      }
    } finally {
      held.close();
    }
    answer.items.sort((a, b) => a.index - b.index);
    return answer;
  });
}

async function importRows(rows: string[], firstIndex: number, answer: BatchAnswer, context: GatewayContext): Promise<void> {
  const { engine } = context;
  const byPartition = new Map<number, ImportedAccount[]>();
  const { rejectedItemsMax } = context.config;
  for (const [place, row] of rows.entries()) {
    const account = readRow(row, firstIndex + place, answer.items);
    if (account === undefined) {
      if (++answer.rejected > rejectedItemsMax) throw new Problem('malformed', `more than ${rejectedItemsMax} rows are wrong, from row ${firstIndex} on nothing was taken`);
      continue;
    }
    const partition = homeOf(account.cards[0]!, engine.partitions);
    const accounts = byPartition.get(partition);
    if (accounts) accounts.push(account);
    else byPartition.set(partition, [account]);
  }
  if (byPartition.size === 0) return;
  const request = engine.nextRequest();
  const envelopes = [...byPartition].map(([partition, accounts]): Envelope => (
    { partition, bytes: writeCommand({ type: 'import', partner: '', gateway: engine.gateway, request, accounts }), count: accounts.length }));
  for (const reply of await committed(context, engine.submit('commands', request, envelopes, 'commit'))) {
    answer.accepted += reply.accepted;
    answer.duplicates += reply.duplicates;
    answer.rejected += reply.rejected;
    answer.items.push(...reply.items);
  }
}

function homeOf(card: string, partitions: number): number {
  const bytes = Buffer.from(card);
  return partitionOf(bytes, 0, bytes.length, partitions);
}

function readRow(row: string, index: number, items: ReplyItem[]): ImportedAccount | undefined {
  const refuse = (id: string, { reason, pointer, detail }: Pick<Wrong, 'reason' | 'pointer' | 'detail'>): undefined => {
    items.push({ index, id, status: 'rejected', reason, pointer, detail });
    return undefined;
  };
  let value: unknown;
  try {
    value = JSON.parse(row);
  } catch (error) {
    return refuse('', { reason: 'malformed', pointer: '', detail: (error as Error).message });
  }
  const { balances, ...rest } = (typeof value === 'object' && value !== null ? value : {}) as { balances?: unknown } & Record<string, unknown>;
  const [wrong] = validateDocument(rowFields, rest);
  const { card, cards = card === undefined ? [] : [card], program = 'default', registered = true } = rest as { card?: string; cards?: string[]; program?: string; registered?: boolean };
  const id = typeof cards[0] === 'string' ? cards[0] : '';
  if (wrong !== undefined) return refuse(id, wrong);
  if (cards.length === 0) return refuse(id, { reason: 'missing', pointer: '/card', detail: 'card or cards is missing' });
  try {
    return { index, id, program, cards: [...new Set(cards)], registered, lots: readLots(balances ?? {}) };
  } catch (error) {
    if (!(error instanceof RowError)) throw error;
    return refuse(id, { reason: 'invalid', pointer: error.pointer, detail: error.message });
  }
}

class RowError extends Error {
  constructor(readonly pointer: string, message: string) {
    super(message);
  }
}

function readLots(balances: unknown): ImportedLot[] {
  if (typeof balances !== 'object' || balances === null || Array.isArray(balances)) throw new RowError('/balances', 'must be points by currency');
  const lots = Object.entries(balances).flatMap(([currency, balance]: [string, unknown]) => {
    const pointer = `/balances/${currency}`;
    if (typeof balance === 'number') return [{ currency, funder: 'import', points: readPoints(balance, pointer), matures: 0, expires: NEVER }];
    const given = typeof balance === 'object' && balance !== null ? (balance as { lots?: unknown }).lots : undefined;
    if (!Array.isArray(given) || Object.keys(balance as object).length !== 1) throw new RowError(pointer, 'must be a number of points or {lots:[…]}');
    return given.map((lot: unknown, place) => readLot(lot, currency, `${pointer}/lots/${place}`));
  });
  if (lots.length > LOTS_MAX) throw new RowError('/balances', `at most ${LOTS_MAX} lots`);
  return lots;
}

const lotNames = ['points', 'funder', 'matures', 'expires'];

function readLot(lot: unknown, currency: string, pointer: string): ImportedLot {
  if (typeof lot !== 'object' || lot === null) throw new RowError(pointer, 'must be {points, funder?, matures?, expires?}');
  for (const name of Object.keys(lot)) {
    const meant = nearestName(name, lotNames);
    if (!lotNames.includes(name)) throw new RowError(`${pointer}/${name}`, `unknown field${meant === undefined ? '' : `; did you mean ${meant}?`}`);
  }
  const { points, funder = 'import', matures, expires } = lot as { points?: unknown; funder?: unknown; matures?: unknown; expires?: unknown };
  if (typeof funder !== 'string' || funder === '' || funder.length > 128) throw new RowError(`${pointer}/funder`, 'must be a text');
  return { currency, funder, points: readPoints(points, `${pointer}/points`), matures: readDay(matures, 0, `${pointer}/matures`), expires: readDay(expires, NEVER, `${pointer}/expires`) };
}

function readPoints(value: unknown, pointer: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new RowError(pointer, 'must be an integer of at least 0');
  return value;
}

function readDay(value: unknown, absent: number, pointer: string): number {
  if (value === undefined || value === null) return absent;
  const ms = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) ? Date.parse(`${value}T00:00:00Z`) : NaN;
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== value) throw new RowError(pointer, 'must be a date, YYYY-MM-DD');
  return ms / DAY_MS;
}
