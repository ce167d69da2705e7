/**
 * An engine in memory behind the gateway's seams, for tests of doors only: it knows which transactions it has seen (same content: duplicate, other: conflict),
 * gives a point for each 100 of the total, and can be told to be busy, to be slow, or to fail. No rules, no log.
 */
import { unpack } from 'msgpackr';
import { readConfig, type Config } from '../../engine/config.js';
import type { AccountView, DeadLetter, Engine, Envelope, ReadyCheck } from '../../engine/engine.js';
import type { EntryItem, RejectedItem } from '../../engine/gateway/context.js';
import { startGateway, type Gateway, type GatewayOptions } from '../../engine/gateway/gateway.js';
import type { Parser } from '../../engine/gateway/parser-pool.js';
import type { References } from '../../engine/gateway/references.js';
import { Keys, type KeyStorage } from '../../engine/keys.js';
import { createLogger } from '../../engine/logger.js';
import { createMetrics } from '../../engine/metrics.js';
import { initialSet, type CheckedProducts, type Publication } from '../../engine/reference.js';
import { readCommand } from '../../schemas/commands.js';
import type { Reply, ReplyItem } from '../../schemas/envelope.js';
import type { FactRecord } from '../../schemas/fact.js';
import type { Reason, Rejected } from '../../schemas/reasons.js';
import type { ReferenceSet } from '../../schemas/reference.js';
import { EnvelopeReader } from '../../workers/envelope.js';
import type { ExplanationView } from '../../workers/explanation.js';
import { readProducts } from '../../workers/parse/products.js';
import { parseRecordBatch } from '../../workers/parse/records.js';
import { parseItems } from '../../workers/parse/worker.js';
import { Text, Transaction } from '../../workers/transaction.js';

export const ADMIN_KEY = 'admin-key-for-tests-0000';

export class FakeEngine implements Engine {
  readonly partitions = 4;
  readonly gateway = 'fake';
  /** Thrown by submit when set. */
  refusal: Error | undefined;
  /** Awaited by submit when set. */
  gate: Promise<void> | undefined;
  checksFailed: ReadyCheck[] = [];
  readonly rejects: Rejected[] = [];
  /** Ids in the order in which they were handed over, with the lane. */
  readonly order: string[] = [];
  readonly lanes: string[] = [];
  readonly seen = new Map<string, { total: number; fact: FactRecord }>();
  readonly imported: string[] = [];
  private request = 0;

  nextRequest(): number {
    return ++this.request;
  }
  async submit(lane: 'interactive' | 'commands', request: number, envelopes: Envelope[], wait: 'commit' | 'append'): Promise<Reply[]> {
    if (this.refusal !== undefined) throw this.refusal;
    this.lanes.push(lane);
    const replies = envelopes.map((envelope) => this.evaluate(request, envelope));
    if (this.gate !== undefined) await this.gate;
    return wait === 'append' ? [] : replies;
  }
  async reject(letters: DeadLetter[]): Promise<void> {
    for (const { value } of letters) this.rejects.push(unpack(value) as Rejected);
  }
  async readAccount(account: string): Promise<AccountView | undefined> {
    if (![...this.seen.values()].some(({ fact }) => fact.account === account)) return undefined;
    const points = [...this.seen.values()].filter(({ fact }) => fact.account === account).reduce((sum, { fact }) => sum + fact.points, 0);
    const lots = [{ points, matures: '1970-01-01', expires: null, funder: 'p' }];
    return { account, program: 'default', cards: [account.slice(2)], balances: { points: { available: points, pending: 0, held: 0, debt: 0, lots } } };
  }
  readCard(_program: string, card: string): Promise<AccountView | undefined> {
    return this.readAccount(`0.${card}`);
  }
  async findTransaction(partner: string, id: string, kind: 'purchase' | 'return'): Promise<{ partition: number; fact: FactRecord } | undefined> {
    const found = this.seen.get(`${partner} ${id} ${kind}`);
    return found === undefined ? undefined : { partition: 0, fact: found.fact };
  }
  async explainPurchase(partner: string, id: string): Promise<ExplanationView | undefined> {
    const found = this.seen.get(`${partner} ${id} purchase`);
    return found && { partner, id, account: found.fact.account, occurredAt: new Date(found.fact.occurredAtMs).toISOString(), ruleSet: 0, rules: 'then', awards: [], notAwarded: [] };
  }
  activated: ReferenceSet[] = [];
  async activate(set: ReferenceSet): Promise<boolean> {
    this.activated.push(set);
    return true;
  }
  newest: ReferenceSet | undefined;
  async newestReference(): Promise<ReferenceSet> {
    return this.newest ?? this.activated.at(-1) ?? initialSet();
  }
  async sinkCaughtUp(): Promise<boolean> {
    return true;
  }
  checks(): ReadyCheck[] {
    return [{ name: 'log', ok: true }, ...this.checksFailed];
  }

  private evaluate(request: number, { bytes }: Envelope): Reply {
    const reader = new EnvelopeReader(), t = new Transaction();
    const reply: Reply = { gateway: this.gateway, request, accepted: 0, duplicates: 0, rejected: 0, items: [] };
    if (reader.open(bytes) === 'command') {
      const command = readCommand(bytes);
      if (command.type === 'import') this.imported.push(...command.accounts.map(({ id }) => id));
      return { ...reply, accepted: command.type === 'import' ? command.accounts.length : 0 };
    }
    while (reader.next(t)) {
      const fact = factOf(t);
      this.order.push(fact.id);
      const key = `${fact.partner} ${fact.id} ${fact.kind}`, before = this.seen.get(key);
      const item = (status: ReplyItem['status'], more: Partial<ReplyItem> = {}): void => void reply.items.push({ index: t.index, id: fact.id, status, ...more });
      if (before !== undefined && before.total !== fact.total) {
        reply.rejected++;
        item('rejected', { reason: 'conflict' satisfies Reason, detail: 'posted before with other content' });
      } else if (before !== undefined) {
        reply.duplicates++;
        item('duplicate');
      } else if (fact.kind === 'return' && !this.seen.has(`${fact.partner} ${fact.originalId} purchase`)) item('waiting');
      else {
        reply.accepted++;
        this.seen.set(key, { total: fact.total, fact });
      }
      if (reader.header.detailed) reply.answer = JSON.stringify({ status: before === undefined ? 'processed' : 'duplicate', partner: fact.partner, id: fact.id, points: fact.points });
    }
    return reply;
  }
}

function factOf(t: Transaction): FactRecord {
  const text = (name: keyof typeof Text): string => t.string(Text[name]);
  const card = text('card');
  return {
    kind: t.kind === 0 ? 'purchase' : 'return', status: 'processed', partner: text('partner'), id: text('id'), program: 'default', account: card === '' ? '' : `0.${card}`, card,
    store: text('store'), terminal: '', cashier: '', channel: '', currency: text('currency'), merchant: '', mcc: '', originalId: text('originalId'), occurredAtMs: t.occurredAtMs,
    processedAtMs: 0, total: t.total, points: Math.floor(t.total / 100), ruleSet: 0, reference: 0, sourceTopic: 'commands', sourcePartition: 0, sourceOffset: 0, sourceIndex: 0,
    lines: [], awards: [], postings: [],
  };
}

class DocumentError extends Error {
  constructor(readonly status: number, readonly errors: { pointer: string; reason: string; detail: string }[]) {
    super(errors[0]!.detail);
  }
}

/** Keeps documents as they come; a document {refuse: true} is refused, {refuse: 409} as a conflict. */
export class FakeReferences implements References {
  readonly products: CheckedProducts[] = [];
  set: ReferenceSet = initialSet();
  learn(set: ReferenceSet): void {
    if (set.version > this.set.version) this.set = set;
  }
  putProgram(id: string, document: unknown): Publication {
    return this.publish({ programs: [...this.set.programs.filter((program) => program.id !== id), { id, document: this.check(document) as never }] });
  }
  putPartner(id: string, document: unknown): Publication {
    const full = { program: 'default', ...this.check(document) } as never;
    return this.publish({ partners: [...this.set.partners.filter((partner) => partner.id !== id), { id, document: full, program: 0 }] });
  }
  putCheckedProducts(partner: string, checked: CheckedProducts): Publication {
    this.products.push(checked);
    if (!this.set.partners.some(({ id }) => id === partner)) throw new DocumentError(404, [{ pointer: '', reason: 'unknown-partner', detail: `no partner ${partner}` }]);
    if (checked.problems.length > 0) throw new DocumentError(422, checked.problems);
    return { ...this.publish({}), products: new Map([[0, checked.content]]) };
  }
  putRules(document: unknown): Publication {
    this.check(document);
    return this.publish({ ruleSet: this.set.ruleSet + 1 });
  }
  private check(document: unknown): object {
    const { refuse } = document as { refuse?: true | 409 };
    if (refuse !== undefined) throw new DocumentError(refuse === true ? 422 : refuse, [{ pointer: '/refuse', reason: 'invalid', detail: 'refused' }]);
    return document as object;
  }
  private publish(change: Partial<ReferenceSet>): Publication {
    this.set = { ...this.set, ...change, version: this.set.version + 1 };
    return { set: this.set, products: new Map(), changed: true };
  }
}

export class MemoryStorage implements KeyStorage {
  readonly values = new Map<string, Uint8Array>();
  async getValue(name: string): Promise<Uint8Array | undefined> {
    return this.values.get(name);
  }
  async addValue(name: string, value: Uint8Array): Promise<boolean> {
    if (this.values.has(name)) return false;
    this.values.set(name, value);
    return true;
  }
  async putValue(name: string, value: Uint8Array): Promise<void> {
    this.values.set(name, value);
  }
}

/** The real parser code, in this thread. */
export const directParser: Parser = { parse: async (task) => parseItems(task), parseRecords: async (task) => parseRecordBatch(task), readProducts: async (task) => readProducts(task), close: async () => undefined };

export interface FakeGateway {
  gateway: Gateway; engine: FakeEngine; references: FakeReferences; keys: Keys; storage: MemoryStorage;
  entries: EntryItem[]; rejected: RejectedItem[]; options: GatewayOptions;
}

export async function startFakeGateway(flags: Partial<Record<keyof Config, string | number>> = {}, parser: Parser | 'pool' = directParser): Promise<FakeGateway> {
  const engine = new FakeEngine(), references = new FakeReferences(), storage = new MemoryStorage();
  const keys = await Keys.open(ADMIN_KEY, storage);
  const entries: EntryItem[] = [], rejected: RejectedItem[] = [];
  const options: GatewayOptions = {
    engine, references, keys, config: readConfig({ flags: { port: 0, ...flags } }), logger: createLogger('fatal'), metrics: createMetrics(),
    queryEntries: async (account, { partner }, { limit }) => {
      const found = entries.filter((entry) => entry.account === account && (partner === undefined || entry.partner === partner));
      return { data: found.slice(0, limit), has_more: found.length > limit };
    },
    queryRejected: async ({ partner }, { limit }) => {
      const found = rejected.filter((item) => partner === undefined || item.partner === partner);
      return { data: found.slice(0, limit), has_more: found.length > limit };
    },
    ...(parser === 'pool' ? {} : { parser }),
  };
  return { gateway: await startGateway(options), engine, references, keys, storage, entries, rejected, options };
}

/** One request to the fake gateway as JSON in and out; the admin key unless said otherwise. */
export async function call(
  { gateway }: Pick<FakeGateway, 'gateway'>, method: string, path: string,
  { body, type = 'application/json', key = ADMIN_KEY, headers = {} }: { body?: unknown; type?: string | null; key?: string | null; headers?: Record<string, string> } = {},
): Promise<{ status: number; body: Record<string, never> & { [name: string]: unknown }; headers: Headers }> {
  const bytes = body === undefined ? undefined : typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await fetch(gateway.url + path, {
    method,
    headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...(bytes === undefined || type === null ? {} : { 'content-type': type }), ...headers },
    ...(bytes === undefined ? {} : { body: bytes }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : JSON.parse(text), headers: response.headers };
}
