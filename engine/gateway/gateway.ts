/**
 * The gateway: HTTP in and out. Order of a request: route → key, scope, quota (authenticate.ts) → body as bytes → parsers → engine → answer; whatever goes
 * wrong on the way becomes one RFC 9457 problem here.
 *
 * Promises: every answer that isn't 2xx is application/problem+json with a type of problems.ts; connections, headers, bodies and waits are bounded; a bug is
 * logged once and answered without its stack. Stopping refuses new requests and lets those under way finish.
 */
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import Fastify, { LogController, type FastifyBaseLogger, type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { asyncapiDocument } from '../../schemas/asyncapi.js';
import { EngineError } from '../engine.js';
import { listening } from '../listening.js';
import { boundAnswers } from './answers.js';
import { authenticate } from './authenticate.js';
import { BodyMemory, readAway } from './body.js';
import type { GatewayContext } from './context.js';
import { documentRoutes } from './documents.js';
import { healthRoutes } from './health.js';
import { importRoutes } from './import-accounts.js';
import { openapiDocument } from './openapi.js';
import { startParsers } from './parser-pool.js';
import { doorProblems, Problem, retryAfter, sendProblem, type DoorCode, type ProblemCode, type ProblemError } from './problems.js';
import { readRoutes } from './reads.js';
import { transactionRoutes } from './transactions.js';
import { verifyRoutes } from './verify.js';

/** Every group of routes. */
const routes = [transactionRoutes, documentRoutes, readRoutes, importRoutes, verifyRoutes, healthRoutes];

const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 72_000;
const HEADER_BYTES_MAX = 16 * 1024;
const PARAMETER_LENGTH_MAX = 512;
/** How long a stop and a start take about. */
const RETRY_SECONDS = 5;

export type GatewayOptions = Omit<GatewayContext, 'bodyMemory' | 'parser'> & { parser?: GatewayContext['parser'] };
export interface Gateway {
  url: string;
  close(): Promise<void>;
  /** Ends what is still open: who was not answered asks again. */
  cutOff(): void;
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, metrics } = options;
  const parser = options.parser ?? startParsers(config.parsers, metrics);
  const context: GatewayContext = { ...options, parser, bodyMemory: new BodyMemory(config.bodyBytesInFlightMax, metrics) };

  const app = await build(context);
  await listening('port', 'host', app.listen({ host: config.host, port: config.port }));
  const { port } = app.server.address() as AddressInfo;
  return {
    url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`,
    cutOff: () => app.server.closeAllConnections(),
    async close() {
      await app.close();
      if (options.parser === undefined) await parser.close();
    },
  };
}

async function build(context: GatewayContext): Promise<FastifyInstance> {
  const { config, logger, keys } = context;
  const app = Fastify({
    loggerInstance: logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: config.bodyTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS, maxHeaderSize: HEADER_BYTES_MAX, connectionsCheckingInterval: 1000 },
    forceCloseConnections: 'idle',
    // Fastify's own answer would not be a problem; see endConnections.
    return503OnClosing: false,
    routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX },
    frameworkErrors: (error, request, reply) => void sendProblem(reply, problemOf(error, request, context)),
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket),
  });
  app.server.maxConnections = config.connectionsMax;
  // Schemas describe (OpenAPI); bodies are checked by parsers and stores, answers are written by us.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  // Bodies stay streams: handlers read them as bytes, or not at all.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null, undefined));

  const methods = new KnownMethods(app);
  endConnections(app);
  boundAnswers(app, config);
  authenticate(app, keys, config.quotaPerMinute);
  app.addHook('onResponse', async (request, reply) => observe(request, reply, context));
  app.setErrorHandler(async (error: FastifyError, request, reply) => {
    const problem = problemOf(error, request, context);
    await readAway(request.raw, reply.raw.shouldKeepAlive || problem.code === 'request-timeout', config);
    return sendProblem(reply, problem);
  });
  app.setNotFoundHandler(async (request, reply) => {
    await readAway(request.raw, reply.raw.shouldKeepAlive, config);
    const allowed = methods.of(request.url);
    if (allowed === undefined) return sendProblem(reply, new Problem('not-found', `${request.method} ${request.url.split('?')[0]}`));
    return sendProblem(reply, new Problem('method-not-allowed', `allowed: ${allowed}`, { headers: { allow: allowed } }));
  });

  // The plugins' types lag behind Fastify's and OpenAPI 3.1's; the document is checked by a test.
  await app.register(swagger, { openapi: openapiDocument as never });
  await app.register(async (inner) => {
    for (const group of routes) group(inner, context);
  });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  app.get('/asyncapi.json', { schema: { hide: true } }, async () => asyncapiDocument(config.kafkaPrefix));
  await app.register(swaggerUi, { routePrefix: '/docs' });
  return app;
}

/** A stopping server finishes what is there; new requests on open connections are told 503. A connection that has been answered is closed, since a stop waits for all of them. */
function endConnections(app: FastifyInstance): void {
  let closing = false;
  app.addHook('preClose', async () => { closing = true; });
  app.addHook('onRequest', async () => {
    if (closing) throw new EngineError('unavailable', 'the engine stops', RETRY_SECONDS);
  });
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });
  // Answers that had begun before.
  app.addHook('onResponse', async () => {
    if (closing) app.server.closeIdleConnections();
  });
}

function problemOf(error: unknown, request: FastifyRequest, { logger, metrics }: GatewayContext): Problem {
  const problem = toProblem(error);
  // A sender that left is no bug. The request tells less than its socket: it counts as destroyed once its body has been read.
  if (problem.code === 'internal' && !request.raw.socket.destroyed) logger.error({ err: error, method: request.method, route: request.routeOptions.url }, 'request failed');
  metrics.doorErrors.inc({ code: problem.code });
  return problem;
}

const storeCodes: Record<number, ProblemCode> = { 404: 'not-found', 409: 'conflict', 422: 'invalid' };

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof EngineError) return new Problem(error.code, error.message, { headers: retryAfter(error.retryAfterSeconds) });
  const { code, statusCode, status, errors, message } = error as Partial<FastifyError> & { status?: number; errors?: ProblemError[] };
  // What a store refuses (engine/reference.ts).
  if (status !== undefined && Array.isArray(errors)) return new Problem(storeCodes[status] ?? 'invalid', message ?? '', { errors, status });
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new Problem('unsupported-media-type', 'the content type cannot be read');
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') return new Problem('not-found', 'a part of the address is too long');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new Problem('bad-request', message ?? '');
  return new Problem('internal', 'the engine goes on; the log says more');
}

/** What isn't HTTP: there is no request to answer to, only a socket. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const code: DoorCode = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request-timeout' : error.code === 'HPE_HEADER_OVERFLOW' ? 'headers-too-large' : 'bad-request';
  const problem = new Problem(code, code === 'bad-request' ? 'this is not HTTP' : doorProblems[code].title);
  const body = problem.body();
  socket.end(`HTTP/1.1 ${problem.status} ${doorProblems[code].title}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
}

function observe(request: FastifyRequest, reply: FastifyReply, { metrics }: GatewayContext): void {
  // The pattern, never the address: labels must have few values.
  metrics.requestSeconds.observe({ method: request.method, route: request.routeOptions.url ?? 'none', status: String(reply.statusCode) }, reply.elapsedTime / 1000);
}

/** Which methods an address has, for 405 (Fastify answers 404 whatever the method). */
class KnownMethods {
  private readonly patterns = new Map<string, { expression: RegExp; methods: Set<string> }>();

  constructor(app: FastifyInstance) {
    app.addHook('onRoute', ({ url, method }) => {
      const expression = new RegExp(`^${url.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z]+/g, '[^/]+').replace('*', '.*')}$`);
      const known = this.patterns.get(url) ?? { expression, methods: new Set<string>() };
      for (const each of [method].flat()) known.methods.add(each);
      this.patterns.set(url, known);
    });
  }

  of(address: string): string | undefined {
    const path = address.split('?')[0]!;
    const methods = [...this.patterns.values()].filter(({ expression }) => expression.test(path)).flatMap((known) => [...known.methods]);
    return methods.length === 0 ? undefined : [...new Set(methods)].sort().join(', ');
  }
}
