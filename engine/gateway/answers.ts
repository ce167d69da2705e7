/**
 * Answers on their way out. A reader who asks for much and takes nothing has it in our memory: so large answers are counted against a bound, and who takes none of one for a while
 * is cut off. Small ones fit into the buffers of the connection; what is streamed waits for its reader by itself.
 */
import type { FastifyInstance } from 'fastify';
import { EngineError } from '../engine.js';

const SMALL_BYTES = 2 ** 16;

export interface AnswerBounds { bodyBytesInFlightMax: number; bodyIdleMsMax: number }

export function boundAnswers(app: FastifyInstance, { bodyBytesInFlightMax, bodyIdleMsMax }: AnswerBounds): void {
  let total = 0;
  app.addHook('onSend', async (_request, { raw }, payload: unknown) => {
    const bytes = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.length : 0;
    if (bytes <= SMALL_BYTES) return;
    if (total + bytes > bodyBytesInFlightMax) throw new EngineError('unavailable', 'too many answers wait for their readers', 1);
    total += bytes;
    raw.once('close', () => { total -= bytes; });
    // Of the socket, and until the answer is out: node has other bounds for what comes then.
    raw.setTimeout(bodyIdleMsMax);
  });
}
