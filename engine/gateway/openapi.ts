/**
 * The description of the API, OpenAPI 3.1: an operation for each route (routes name theirs, so that none can be without), the schemas of answers here, those of
 * documents and transactions from their tables in schemas/. It describes; bodies are checked where they are read, never by Fastify.
 */
import { accountImportSchema } from '../../schemas/account-import.js';
import { jsonSchemas } from '../../schemas/json-schemas.js';
import { reasons } from '../../schemas/reasons.js';
import { ruleSchema } from '../../schemas/rule.js';
import { describeProblem, doorProblems, type ProblemCode } from './problems.js';

type Schema = Record<string, unknown>;
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const object = (properties: Record<string, Schema>, required: string[] = Object.keys(properties)): Schema => ({ type: 'object', properties, required, additionalProperties: false });
const list = (items: Schema): Schema => ({ type: 'array', items });
const page = (items: Schema): Schema => object({ data: list(items), has_more: { type: 'boolean' } });
const text: Schema = { type: 'string' };
const integer: Schema = { type: 'integer' };
const date: Schema = { type: 'string', format: 'date' };
const dateTime: Schema = { type: 'string', format: 'date-time' };
const points: Schema = { type: 'integer', description: "in the currency's smallest unit" };
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });

const balance = object({ available: points, pending: points, held: points, debt: points });
const lot = object({ points, matures: date, expires: orNull(date), funder: text });
const award = object({ rule: text, version: integer, currency: text, points, lines: list(object({ line: integer, points })) });

const answerSchemas: Record<string, Schema> = {
  TransactionAnswer: object({
    status: { type: 'string', enum: ['processed', 'duplicate', 'waiting'] }, partner: text, id: text, kind: { type: 'string', enum: ['purchase', 'return'] },
    account: orNull(text), points, awards: list(award),
    balances: { type: 'object', additionalProperties: balance, description: 'after this transaction; in the answer to a repeat or a look-up those of now' },
  }, ['status']),
  Explanation: object({
    partner: text, id: text, account: orNull(text), occurredAt: dateTime, ruleSet: integer,
    rules: { type: 'string', enum: ['then', 'now'], description: 'whose rules notAwarded looks at: those that decided, or those of now when the engine has let go of them' },
    awards: list(object({
      rule: text, version: integer, currency: text, points, base: { type: 'integer', description: 'minor units that the lines of the rule came to' },
      counter: object({ before: integer, milestones: integer }), lines: list(object({ line: integer, points })),
    }, ['rule', 'version', 'currency', 'points', 'base', 'lines'])),
    notAwarded: list(object({
      rule: text, version: integer, why: text,
      countersNow: { description: 'not as they were when the purchase was decided', ...object({ counted: integer, paid: integer, givenThatDay: points }) },
    }, ['rule', 'version', 'why'])),
  }),
  BatchAnswer: object({
    accepted: integer, duplicates: integer, rejected: integer,
    items: list(object({
      index: { type: 'integer', description: 'place in the body, from 0' }, id: text,
      status: { type: 'string', enum: ['duplicate', 'rejected', 'waiting'], description: 'a return that waits for its purchase is in none of the three counts' },
      reason: { type: 'string', enum: Object.keys(reasons) }, pointer: text, detail: text,
      hint: { type: 'string', description: 'of an account that is imported; for a transaction docs/reasons.md has one' },
    }, ['index', 'id', 'status'])),
  }),
  Account: object({
    account: text, program: text, cards: list(text),
    balances: { type: 'object', additionalProperties: object({ available: points, pending: points, held: points, debt: points, lots: list(lot) }) },
  }),
  Entry: object({
    id: text, account: text, currency: text, points, counter_account: text, kind: text, rule: text, rule_version: integer, funder: text, partner: text,
    transaction_id: text, occurred_at: dateTime, posted_at: dateTime,
  }),
  Rejected: object({
    id: text, partner: text, transaction_id: text, kind: text, reason: { type: 'string', enum: Object.keys(reasons) }, pointer: text, detail: text, hint: text,
    rejected_at: dateTime, source: { description: 'where it came from, when it came from a topic', ...object({ topic: text, partition: integer, offset: integer, index: integer }) },
    input: { type: 'string', description: 'the input as far as it is known, at most 16 KiB; stars stand for the digits of what looks like the number of a payment card' },
  }, ['id', 'partner', 'transaction_id', 'kind', 'reason', 'hint', 'rejected_at']),
  AccountImport: accountImportSchema(),
  Problem: {
    description: 'RFC 9457',
    ...object({
      type: { type: 'string', description: `/problems/CODE; codes: ${[...Object.keys(doorProblems), ...Object.keys(reasons)].join(', ')}` },
      title: text, status: integer, detail: text,
      errors: list(object({ pointer: { type: 'string', description: 'JSON pointer (RFC 6901)' }, reason: text, detail: text, hint: text }, ['pointer', 'reason'])),
    }, ['type', 'title', 'status']),
  },
};

const componentSchemas: Record<string, Schema> = { ...jsonSchemas, Rule: ruleSchema(), ...answerSchemas };

const readiness = object({ status: text, checks: list(object({ name: text, ok: { type: 'boolean' }, detail: text }, ['name', 'ok'])) });
const json = (schema: Schema, description = 'done'): Schema => ({ description, content: { 'application/json': { schema } } });
const problem = (description: string): Schema => ({ description, content: { 'application/problem+json': { schema: ref('Problem') } } });

function responses(ok: Record<number, Schema>, ...codes: ProblemCode[]): Record<number, Schema> {
  const all: ProblemCode[] = ['bad-request', 'unauthorized', 'forbidden', 'quota', 'unavailable', ...codes];
  return { ...Object.fromEntries(all.map(describeProblem).map(({ status, title }) => [status, problem(title)])), ...ok };
}
const unprocessable = problem('well-formed, but refused: see errors');

const path = (...names: string[]): Schema => object(Object.fromEntries(names.map((name) => [name, text])));
const query = (properties: Record<string, Schema>): Schema => object(properties, []);
const paging: Record<string, Schema> = {
  limit: { type: 'integer', minimum: 1, description: 'items of a page' },
  starting_after: { type: 'string', description: 'id of the last item of the page before' },
};
const security = [{ key: [] }];
const ndjson = (name: string): Schema => ({ content: { 'application/x-ndjson': { schema: { type: 'string', description: `one ${name} a line` } } } });
const jsonBody = (name: string): Schema => ({ content: { 'application/json': { schema: ref(name) } } });

const document = (summary: string, tag: string, name: string, parameter: string, except = '', ok: Schema = ref(name)) => ({
  put: {
    summary: `Put ${summary}`, tags: [tag],
    description: `The whole document, which replaces the one before: what it leaves out is no longer there, or its default${except}.`,
    security, params: path(parameter), body: jsonBody(name),
    response: responses({ 200: json(ok), 422: unprocessable }, 'conflict', 'body-too-large', 'unsupported-media-type'),
  },
  get: { summary: `Get ${summary}`, tags: [tag], security, params: path(parameter), response: responses({ 200: json(ok) }, 'not-found') },
  list: { summary: `List ${tag}`, tags: [tag], security, response: responses({ 200: json(page({ type: 'object' })) }) },
});
const program = document('a program', 'programs', 'Program', 'program');
const partner = document('a partner and its keys, which are never returned', 'partners', 'Partner', 'partner', '; `keys` alone stay as they are when left out');

export const operations = {
  postTransactions: {
    summary: 'Post one transaction, or a batch',
    description: 'Answered after the commit that evaluated them. wait=append answers a batch earlier, with accepted or rejected only. A repeat is harmless: what was taken is a duplicate.',
    tags: ['transactions'], security, querystring: query({
      wait: { type: 'string', enum: ['commit', 'append'], default: 'commit' },
      partner: { type: 'string', description: 'partner of items that name none; items of other partners are refused' },
    }),
    body: {
      content: {
        'application/json': { schema: { oneOf: [ref('Transaction'), list(ref('Transaction'))] } },
        'application/x-ndjson': { schema: { type: 'string', description: 'one transaction a line' } },
        'application/msgpack': { schema: { type: 'string', format: 'binary', description: 'an array of transactions' } },
      },
    },
    response: responses({
      200: json({ oneOf: [ref('TransactionAnswer'), ref('BatchAnswer')] }),
      202: json(ref('TransactionAnswer'), 'a return whose purchase is not known yet; it waits'),
      422: unprocessable,
    }, 'conflict', 'request-timeout', 'body-too-large', 'unsupported-media-type'),
  },
  getTransaction: {
    summary: 'Look a transaction up', tags: ['transactions'], security, params: path('partner', 'id'),
    querystring: query({ kind: { type: 'string', enum: ['purchase', 'return'], default: 'purchase' } }),
    response: responses({ 200: json(ref('TransactionAnswer')), 202: json(ref('TransactionAnswer')) }, 'not-found'),
  },
  explainTransaction: {
    summary: 'Why a purchase got its points, and why other rules gave none', tags: ['transactions'], security, params: path('partner', 'id'),
    response: responses({ 200: json(ref('Explanation')) }, 'not-found'),
  },
  getAccount: { summary: 'Balances of an account', tags: ['accounts'], security, params: path('account'), response: responses({ 200: json(ref('Account')) }, 'not-found') },
  getCard: {
    summary: 'Balances of the account of a card', tags: ['accounts'], security, params: path('card'), querystring: query({ program: { type: 'string', default: 'default' } }),
    response: responses({ 200: json(ref('Account')) }, 'not-found'),
  },
  getEntries: {
    summary: "Entries of an account, newest first; a partner's key sees its own", tags: ['accounts'], security, params: path('account'), querystring: query(paging),
    response: responses({ 200: json(page(ref('Entry'))) }, 'not-found'),
  },
  importAccounts: {
    summary: 'Import accounts with their balances', tags: ['accounts'], security, body: ndjson('AccountImport'),
    response: responses({ 200: json(ref('BatchAnswer')) }, 'body-too-large', 'unsupported-media-type'),
  },
  getRejected: {
    summary: 'What was refused and is kept, partition by partition, oldest first', tags: ['transactions'], security,
    querystring: query({ partner: text, reason: { type: 'string', enum: Object.keys(reasons) }, ...paging }), response: responses({ 200: json(page(ref('Rejected'))) }),
  },
  putProgram: program.put,
  getProgram: program.get,
  listPrograms: program.list,
  putPartner: partner.put,
  getPartner: partner.get,
  listPartners: partner.list,
  putProducts: {
    summary: 'Put the products of a partner, all of them', tags: ['partners'],
    description: 'They replace those before: a product that is left out is unknown from then on.',
    security, params: path('partner'), body: ndjson('Product'),
    response: responses({ 200: json(object({ partner: text, products: integer })), 422: unprocessable }, 'not-found', 'body-too-large', 'unsupported-media-type'),
  },
  putRules: {
    summary: 'Publish a set of rules, all or nothing',
    description: 'The set replaces the live rules of the programs that it names rules of; an empty one clears `default`.', tags: ['rules'], security,
    body: { content: { 'application/json': { schema: object({ rules: list(ref('Rule')) }) } } },
    response: responses({ 200: json(object({ ruleSet: integer })), 422: unprocessable }, 'conflict', 'body-too-large', 'unsupported-media-type'),
  },
  getRules: {
    summary: 'The rules that are live', tags: ['rules'], security, response: responses({ 200: json(object({ ruleSet: integer, rules: list(ref('Rule')) })) }),
  },
  verify: {
    summary: 'Verify everything with the second implementation', tags: ['health'], security,
    response: responses({ 200: { description: 'lines {progress}, then one {report} or {failure}', content: { 'application/x-ndjson': { schema: text } } } }),
  },
  livez: { summary: 'The process is alive', tags: ['health'], response: { 200: json(object({ status: text })) } },
  readyz: {
    summary: 'Whether transactions are taken', tags: ['health'],
    response: Object.fromEntries([200, 503].map((status) => [status, json(readiness)])),
  },
  problem: {
    summary: 'What a problem type means', tags: ['health'], params: path('code'),
    response: responses({ 200: json(object({ type: text, status: integer, title: text, hint: text }, ['type', 'status', 'title'])) }, 'not-found'),
  },
} as const;

export const openapiDocument = {
  openapi: '3.1.0',
  info: {
    title: 'Pointstream', version: '1',
    description: 'Coalition loyalty: purchases in, exact points out. Amounts are integers in minor units, points integers in the smallest unit of their currency.',
  },
  components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } }, schemas: componentSchemas },
} as const;
