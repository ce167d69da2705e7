/**
 * Documents that marketing and integration put: programs, partners, products, rules. A PUT is answered when the document is live in every partition, so the next
 * transaction is decided by it. PUT of what is there already changes nothing.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ReferenceSet } from '../../schemas/reference.js';
import { PROBLEMS_MAX, problem } from '../../schemas/validate.js';
import { readTree } from '../../workers/parse/json-tree.js';
import type { KeyDocument } from '../keys.js';
import { mayUsePartner } from './authenticate.js';
import { readWhole } from './body.js';
import type { GatewayContext } from './context.js';
import { operations } from './openapi.js';
import { Problem, summary } from './problems.js';
import { readCatalog } from './catalog.js';
import { createPublisher } from './references.js';
import { readQuery } from './query.js';

const DOCUMENT_DEPTH_MAX = 32;
const QUOTE = 0x22, COLON = 0x3a, BACKSLASH = 0x5c, ARRAY = 0x5b, ARRAY_END = 0x5d, OBJECT = 0x7b, OBJECT_END = 0x7d;

export function documentRoutes(app: FastifyInstance, context: GatewayContext): void {
  const { references, keys, engine } = context;
  const publish = createPublisher(references, engine);
  /** Also what another gateway has put a moment ago. */
  const newest = async (): Promise<ReferenceSet> => {
    references.learn(await engine.newestReference());
    return references.set;
  };
  const found = <T>(value: T | undefined, what: string): T => {
    if (value === undefined) throw new Problem('not-found', `there is no ${what}`);
    return value;
  };

  app.put<{ Params: { program: string } }>('/v1/programs/:program', { config: { scope: 'admin' }, schema: operations.putProgram }, async (request) => {
    const document = await readDocument(request, context);
    const set = await publish((store) => store.putProgram(request.params.program, document));
    return set.programs.find(({ id }) => id === request.params.program)?.document;
  });
  app.get<{ Params: { program: string } }>('/v1/programs/:program', { config: { scope: 'admin' }, schema: operations.getProgram }, async (request) => {
    readQuery(request, {});
    return found((await newest()).programs.find(({ id }) => id === request.params.program), `program ${request.params.program}`).document;
  });
  app.get('/v1/programs', { config: { scope: 'admin' }, schema: operations.listPrograms }, async (request) => {
    readQuery(request, {});
    return { data: (await newest()).programs.map(({ id, document }) => ({ id, ...document })), has_more: false };
  });

  app.put<{ Params: { partner: string } }>('/v1/partners/:partner', { config: { scope: 'admin' }, schema: operations.putPartner }, async (request) => {
    const { partner } = request.params;
    const { keys: given, ...document } = await readDocument(request, context);
    // Keys are checked before anything is published, so that a partner is put whole or not at all.
    const errors = given === undefined ? [] : keys.check(given, partner);
    if (errors.length > 0) throw new Problem('invalid', summary(errors), { errors });
    const set = await publish((store) => store.putPartner(partner, document));
    if (given !== undefined) await keys.put(partner, given as KeyDocument[]);
    return set.partners.find(({ id }) => id === partner)?.document;
  });
  app.get<{ Params: { partner: string } }>('/v1/partners/:partner', { config: { scope: 'read' }, schema: operations.getPartner }, async (request) => {
    readQuery(request, {});
    mayUsePartner(request.caller, request.params.partner);
    return found((await newest()).partners.find(({ id }) => id === request.params.partner), `partner ${request.params.partner}`).document;
  });
  app.get('/v1/partners', { config: { scope: 'admin' }, schema: operations.listPartners }, async (request) => {
    readQuery(request, {});
    return { data: (await newest()).partners.map(({ id, document }) => ({ id, ...document })), has_more: false };
  });

  app.put<{ Params: { partner: string } }>('/v1/partners/:partner/products', { config: { scope: 'products' }, schema: operations.putProducts }, async (request) => {
    readQuery(request, {});
    const { partner } = request.params;
    mayUsePartner(request.caller, partner);
    expectType(request, ['application/x-ndjson', 'application/ndjson', 'application/jsonl']);
    const { products, ...checked } = await readCatalog(request, context);
    await publish((store) => store.putCheckedProducts(partner, checked));
    return { partner, products };
  });

  app.put('/v1/rules', { config: { scope: 'admin' }, schema: operations.putRules }, async (request) => {
    const document = await readDocument(request, context);
    const { ruleSet } = await publish((store) => store.putRules(document));
    return { ruleSet };
  });
  app.get('/v1/rules', { config: { scope: 'admin' }, schema: operations.getRules }, async (request) => {
    readQuery(request, {});
    const { ruleSet, live, rules } = await newest();
    return { ruleSet, rules: live.map((index) => rules[index]!.document) };
  });
}

/** One JSON object from the body; what its fields mean is checked by the store. */
async function readDocument(request: FastifyRequest, context: GatewayContext): Promise<Record<string, unknown>> {
  readQuery(request, {});
  expectType(request, ['application/json']);
  const bytes = await readBounded(request, context);
  if (isTooDeep(bytes)) throw new Problem('invalid', `nested deeper than ${DOCUMENT_DEPTH_MAX}`);
  let text: string, value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (error) {
    throw new Problem('malformed', (error as Error).message);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Problem('invalid', 'the body must be one JSON object');
  if (countFields(value) < countColons(bytes)) refuseRepeated(text);
  return value as Record<string, unknown>;
}

/** A field that is there twice, of which JSON.parse takes the last one and says nothing: it shows by the number of fields, and the slow reader knows where it is. */
function refuseRepeated(text: string): never {
  const bytes = new TextEncoder().encode(text), read = readTree(bytes, 0, bytes.length);
  if (!read.ok) throw new Problem(read.reason, read.detail);
  const errors = read.duplicates.slice(0, PROBLEMS_MAX).map((pointer) => problem(pointer, 'invalid', 'the field is given twice', 'Leave one of them out.'));
  throw new Problem('invalid', summary(errors), { errors });
}
function countFields(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const values = Object.values(value);
  return values.reduce<number>((sum, each) => sum + countFields(each), Array.isArray(value) ? 0 : values.length);
}
/** Outside of texts: one for each field. */
function countColons(bytes: Uint8Array): number {
  let colons = 0, isText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) isText = !isText;
    else if (isText) at += byte === BACKSLASH ? 1 : 0;
    else if (byte === COLON) colons++;
  }
  return colons;
}

async function readBounded(request: FastifyRequest, { bodyMemory, config }: GatewayContext): Promise<Uint8Array> {
  const held = bodyMemory.open();
  try {
    return await readWhole(request.raw, config, held.take);
  } finally {
    held.close();
  }
}

function expectType(request: FastifyRequest, types: string[]): void {
  const type = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
  if (!types.includes(type)) throw new Problem('unsupported-media-type', `send ${types[0]}`, { headers: { accept: types.join(', ') } });
}

/** Whether brackets outside of texts are nested deeper than a document may be; told before it is decoded, since JSON.parse takes seconds and memory for what is nothing but brackets. */
function isTooDeep(bytes: Uint8Array): boolean {
  let depth = 0, isText = false;
  for (let at = 0; at < bytes.length && depth <= DOCUMENT_DEPTH_MAX; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) isText = !isText;
    else if (isText) at += byte === BACKSLASH ? 1 : 0;
    else if (byte === OBJECT || byte === ARRAY) depth++;
    else if (byte === OBJECT_END || byte === ARRAY_END) depth--;
  }
  return depth > DOCUMENT_DEPTH_MAX;
}
