/**
 * POST /v1/verify: the verifier, asked over HTTP by `pointstream verify` (the log has one process that may open it). Answers NDJSON: lines `{progress}`, in the end
 * one `{report}` or `{failure}`. One verification at a time. It changes nothing, but takes its share of the engine's main thread.
 */
import { PassThrough } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { EngineError } from '../engine.js';
import type { GatewayContext } from './context.js';
import { operations } from './openapi.js';
import { readQuery } from './query.js';

/** The verifier of this engine; given by who starts the gateway, since it lies outside engine/. */
export type Verify = (progress: (line: string) => void) => Promise<object>;

const BUSY_SECONDS = 10;

export function verifyRoutes(app: FastifyInstance, { verify, logger }: GatewayContext): void {
  let running = false;
  app.post('/v1/verify', { config: { scope: 'verify' }, schema: operations.verify }, async (request, reply) => {
    readQuery(request, {});
    if (verify === undefined) throw new EngineError('unavailable', 'this engine was started without the verifier', BUSY_SECONDS);
    if (running) throw new EngineError('busy', 'a verification is running', BUSY_SECONDS);
    running = true;
    const answer = new PassThrough();
    const write = (line: object): void => void answer.write(`${JSON.stringify(line)}\n`);
    verify((progress) => write({ progress })).then(
      (report) => write({ report }),
      (error: unknown) => {
        logger.error({ err: error }, 'the verification failed');
        write({ failure: error instanceof Error ? error.message : String(error) });
      },
    ).finally(() => {
      running = false;
      answer.end();
    });
    return reply.type('application/x-ndjson').send(answer);
  });
}
