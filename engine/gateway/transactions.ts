/**
 * POST /v1/transactions, the partners' door.
 *
 *   one object  → lane `interactive`, answered with its awards or a problem
 *   a batch     → lane `commands` (JSON array, NDJSON, MessagePack array; in pieces while it still arrives), answered item by item
 *
 * An answer is given after the commit that evaluated the transactions; `?wait=append` answers once they are in the log. The main thread looks at the content
 * type and at the first byte, and at nothing else of a body.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { reasons } from '../../schemas/reasons.js';
import { isSpace } from '../../workers/parse/json-tree.js';
import { EngineError } from '../engine.js';
import { mayUsePartner } from './authenticate.js';
import { Batch, committed, type Format, type PartnerOfRequest } from './batch.js';
import { readBeginning, readChunks, readRest } from './body.js';
import type { GatewayContext } from './context.js';
import { Problem, summary, type ProblemCode } from './problems.js';
import { operations } from './openapi.js';
import { postArray, postLines } from './pieces.js';
import { readQuery } from './query.js';

const waits = ['commit', 'append'] as const;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

const formats: Record<string, Format> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
  'application/msgpack': 'msgpack',
  'application/x-msgpack': 'msgpack',
  'application/vnd.msgpack': 'msgpack',
};

export function transactionRoutes(app: FastifyInstance, context: GatewayContext): void {
  app.post('/v1/transactions', { config: { scope: 'post' }, schema: operations.postTransactions }, async (request, reply) => {
    const { wait = 'commit', partner: named } = readQuery(request, { wait: waits, partner: 'text' });
    const partner = partnerOf(request, named);
    const format = formatOf(request);
    const held = context.bodyMemory.open();
    try {
      const chunks = readChunks(request.raw, context.config, held.take), batch = new Batch(context, format, wait, partner);
      if (format === 'ndjson') return await finish(batch, postLines(batch, chunks, held, context.config), context);
      const { first, beginning } = await readBeginning(chunks, (chunk, offset) => firstByte(format, chunk, offset));
      if (first < 0) throw new Problem('malformed', beginning.length === 0 ? 'the body is empty' : 'the body is nothing but white space; send a transaction, or an array of them');
      if (isArray(format, first)) return await finish(batch, postArray(batch, beginning, chunks, held, context.config), context);
      const body = await readRest(beginning, chunks);
      if (wait === 'append') return await finish(batch, batch.add(body).answered, context);
      return await postSingle(reply, format, body, partner, context);
    } finally {
      held.close();
    }
  });
}

/** A partner's key posts for its partner only; `?partner=` restricts in the same way and names it for items that don't. */
function partnerOf({ caller }: FastifyRequest, named: string | undefined): PartnerOfRequest {
  if (named !== undefined) mayUsePartner(caller, named);
  const keyPartner = named ?? caller.partner;
  return { ...(keyPartner === undefined ? {} : { keyPartner }), ...(named === undefined ? {} : { partner: named }) };
}

async function postSingle(reply: FastifyReply, format: Format, bytes: Uint8Array, partner: PartnerOfRequest, context: GatewayContext): Promise<string> {
  const { engine, parser, metrics } = context;
  const request = engine.nextRequest();
  const parsed = await parser.parse({ format, bytes, firstIndex: 0, gateway: engine.gateway, request, detailed: true, partitions: engine.partitions, ...partner });
  if (parsed.unreadable !== undefined) throw new Problem('malformed', `${parsed.unreadable.detail}, at byte ${parsed.unreadable.position}`);
  const [rejected] = parsed.rejected;
  if (rejected !== undefined) {
    metrics.rejected.inc({ reason: rejected.reason });
    throw new Problem(rejected.reason, summary(rejected.errors), { errors: rejected.errors });
  }
  const [answered] = await committed(context, engine.submit('interactive', request, parsed.envelopes, 'commit'));
  if (answered === undefined) throw new EngineError('unavailable', 'the engine gave no answer', 1);
  metrics.accepted.inc({ lane: 'interactive' }, answered.accepted);
  const [item] = answered.items;
  if (item?.status === 'rejected') {
    const code = (item.reason ?? 'invalid') as ProblemCode;
    const hint = code in reasons ? reasons[code as keyof typeof reasons].hint : undefined;
    throw new Problem(code, item.detail ?? '', { errors: [{ pointer: item.pointer ?? '', reason: code, detail: item.detail, hint }] });
  }
  reply.code(item?.status === 'waiting' ? 202 : 200).type('application/json');
  return answered.answer ?? JSON.stringify({ status: item?.status ?? 'processed' });
}

async function finish(batch: Batch, posted: Promise<void>, { metrics }: GatewayContext): Promise<unknown> {
  await posted;
  const answer = batch.finish();
  metrics.accepted.inc({ lane: 'commands' }, answer.accepted);
  return answer;
}

function formatOf(request: FastifyRequest): Format {
  const [type = '', ...parameters] = (request.headers['content-type'] ?? '').toLowerCase().split(';').map((part) => part.trim());
  const format = formats[type];
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length).replaceAll('"', '');
  if (format !== undefined && (charset === undefined || charset === 'utf-8' || charset === 'utf8')) return format;
  throw new Problem('unsupported-media-type', 'send application/json, application/x-ndjson or application/msgpack, in UTF-8', { headers: { accept: Object.keys(formats).join(', ') } });
}

/** The first byte that says what the body is, -1 when the chunk, which stands at `offset`, has none: of JSON, behind white space and a byte order mark. */
function firstByte(format: Format, chunk: Uint8Array, offset: number): number {
  if (format === 'msgpack') return chunk[0] ?? -1;
  for (let at = 0; at < chunk.length; at++) {
    const byte = chunk[at]!;
    if (!isSpace(byte) && byte !== BYTE_ORDER_MARK[offset + at]) return byte;
  }
  return -1;
}
/** Everything else is one transaction, or the parser says what is wrong with it. */
function isArray(format: Format, first: number): boolean {
  return format === 'msgpack' ? (first & 0xf0) === 0x90 || first === 0xdc || first === 0xdd : first === 0x5b;
}
