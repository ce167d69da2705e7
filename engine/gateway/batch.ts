/**
 * A posted batch on its way: pieces of the body are parsed side by side, handed to the engine in the order in which they stood, and their replies are put
 * together.
 *
 *   piece 0 ─ parse ─┬─ submit ────────── commit ─┐
 *   piece 1 ─ parse ──┴─(turn)─ submit ── commit ─┼─► one answer
 *
 * A piece in which much is wrong takes several tasks, one after the commit of the other, so that others have their turn in between.
 *
 * Promises: the order of items within a request is the order in the log; after the first failure no later piece is handed over, so a repeat of the
 * whole request finds what was taken as duplicates and the rest in order. Bounded: pieces between arrival and commit by piecesPerRequestMax, rejected items by
 * rejectedItemsMax.
 */
import type { ReplyItem } from '../../schemas/envelope.js';
import { EngineError } from '../engine.js';
import { deadLetter } from '../rejected.js';
import type { GatewayContext } from './context.js';
import type { ParseResult, ParseTask } from './parser-pool.js';
import { Problem } from './problems.js';

export interface BatchAnswer { accepted: number; duplicates: number; rejected: number; items: ReplyItem[] }
/** The partner that the items must have, and that those have which name none. */
export interface PartnerOfRequest { keyPartner?: string; partner?: string }
export type Format = 'ndjson' | 'json' | 'msgpack';
type RejectedRow = ParseResult['rejected'][number];

const ERRORS_SHOWN_MAX = 20;
/** Some milliseconds of the main thread, which keeps each of them. */
const REJECTED_OF_TASK_MAX = 1000;

/** A piece, or what is left of one, at a parser. */
interface Task { parsing: Promise<ParseResult>; request: number }

export class Batch {
  readonly answer: BatchAnswer = { accepted: 0, duplicates: 0, rejected: 0, items: [] };
  /** Resolves when the piece before has been handed to the engine; never rejects. */
  private turn: Promise<unknown> = Promise.resolve();
  /** What went wrong first; from then on nothing is handed over. */
  failure: unknown;
  private itemCount = 0;
  private malformedCount = 0;
  private firstMalformed: RejectedRow[] = [];

  constructor(
    private readonly context: GatewayContext,
    private readonly format: Format,
    private readonly wait: 'commit' | 'append',
    private readonly partner: PartnerOfRequest,
  ) {}

  /** Takes one piece. `parsed`: the end of it; `answered` resolves when it has been answered, and rejects with what went wrong first. */
  add(bytes: Uint8Array, part: ParseTask['part'] = { isLast: true }): { parsed: Promise<ParseResult>; answered: Promise<void> } {
    const first = this.parse(bytes, part), handedOver = this.turn.then(async () => this.handOverAll(first, part.isLast));
    const parsed = handedOver.then(({ last }) => last);
    this.turn = parsed.catch((error: unknown) => this.fail(error));
    return { parsed, answered: this.answered(handedOver) };
  }

  private parse(bytes: Uint8Array, part: NonNullable<ParseTask['part']>): Task {
    const { engine, parser } = this.context;
    // With `append` nobody waits for a reply; request 0 says so.
    const request = this.wait === 'append' ? 0 : engine.nextRequest();
    const parsing = parser.parse({
      format: this.format, bytes, firstIndex: 0, gateway: engine.gateway, request, detailed: false, partitions: engine.partitions,
      rejectedMax: REJECTED_OF_TASK_MAX, part, ...this.partner,
    });
    // It may fail before its turn.
    parsing.catch(() => undefined);
    return { parsing, request };
  }

  private async handOverAll(first: Task, isLast: boolean): Promise<{ last: ParseResult; replied: Promise<unknown> }> {
    for (let task = first; ;) {
      const parsed = await task.parsing;
      if (this.failure !== undefined) throw this.failure;
      const { replied } = this.handOver(parsed, task.request);
      const { unread, itemsLeft } = parsed;
      if (unread === undefined) return { last: parsed, replied };
      await replied;
      task = this.parse(unread, { isLast, ...(itemsLeft !== undefined && { itemsLeft }) });
    }
  }

  private async answered(handedOver: Promise<{ replied: Promise<unknown> }>): Promise<void> {
    const { replied } = await handedOver;
    await replied.catch((error: unknown) => {
      this.fail(error);
      throw error;
    });
  }

  /** The answer when all pieces are in. Throws a Problem when nothing of the body could be read. */
  finish(): BatchAnswer {
    if (this.itemCount > 0 && this.malformedCount === this.itemCount) {
      const errors = this.firstMalformed.map(({ pointer, reason, detail, hint }) => ({ pointer, reason, detail, hint }));
      throw new Problem('malformed', `none of ${this.itemCount} items can be read: ${errors[0]?.detail ?? ''}`, { errors });
    }
    this.answer.items.sort((a, b) => a.index - b.index);
    return this.answer;
  }

  private fail(error: unknown): void {
    this.failure ??= error;
  }

  /** Counts the piece in and gives it to the engine, without waiting for the commit (hence the promise inside an object). */
  private handOver(parsed: ParseResult, request: number): { replied: Promise<unknown> } {
    if (parsed.unreadable !== undefined) throw new Problem('malformed', `${parsed.unreadable.detail}, at byte ${parsed.unreadable.position}`);
    const firstIndex = this.itemCount;
    this.itemCount += parsed.count;
    this.addRejected(parsed.rejected, firstIndex);
    const replied = parsed.envelopes.length === 0 ? Promise.resolve() : this.submit(parsed, request, firstIndex);
    return { replied: Promise.all([replied, keepRejected(this.context, parsed.rejected, firstIndex, this.partner.keyPartner)]) };
  }

  private async submit({ envelopes }: ParseResult, request: number, firstIndex: number): Promise<void> {
    const { answer, context } = this;
    const replies = await committed(context, context.engine.submit('commands', request, envelopes, this.wait));
    if (this.wait === 'append') {
      for (const { count } of envelopes) answer.accepted += count;
      return;
    }
    for (const reply of replies) {
      answer.accepted += reply.accepted;
      answer.duplicates += reply.duplicates;
      answer.rejected += reply.rejected;
      for (const item of reply.items) answer.items.push({ ...item, index: firstIndex + item.index });
    }
  }

  private addRejected(rows: RejectedRow[], firstIndex: number): void {
    const { answer } = this;
    for (const { index, id, reason, pointer, detail } of rows) answer.items.push({ index: firstIndex + index, id, status: 'rejected', reason, pointer, detail });
    answer.rejected += rows.length;
    const malformed = rows.filter(({ reason }) => reason === 'malformed');
    this.malformedCount += malformed.length;
    this.firstMalformed.push(...malformed.slice(0, ERRORS_SHOWN_MAX - this.firstMalformed.length));
    const { rejectedItemsMax } = this.context.config;
    if (answer.rejected > rejectedItemsMax) {
      throw new Problem('malformed', `more than ${rejectedItemsMax} items of the body are wrong, from item ${firstIndex} on nothing was taken`);
    }
  }
}

/** Keeps what parsing refused under /v1/rejected, as that of the partner who posts, if one does: no item may get into another's list, and what can't be read names nobody. */
async function keepRejected(context: GatewayContext, rows: RejectedRow[], firstIndex: number, keyPartner: string | undefined): Promise<void> {
  // What shards refuse is counted after its commit (engine-metrics.ts).
  for (const { reason } of rows) context.metrics.rejected.inc({ reason });
  // A key that posts for another partner must not be able to fill that partner's list.
  const kept = rows.filter(({ reason }) => reason !== 'other-partner');
  if (kept.length === 0) return;
  const rejectedAtMs = Date.now();
  await context.engine.reject(kept.map(({ index, id, partner, kind, reason, pointer, detail, input }) => {
    const source = { topic: 'http', partition: -1, offset: -1, index: firstIndex + index };
    return deadLetter({ partner: keyPartner ?? partner, id, kind, reason, pointer, detail, rejectedAtMs, source, input });
  }));
  context.metrics.deadLetters.inc(kept.length);
}

/** A commit that takes longer than anyone waits is answered 503; the transactions stay in the log, and a repeat finds them as duplicates. */
export function committed<T>({ config }: GatewayContext, submitted: Promise<T>): Promise<T> {
  const ms = config.answerTimeoutMs;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new EngineError('unavailable', `not committed within ${ms} ms; repeat the request`, 1)), ms);
    submitted.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
