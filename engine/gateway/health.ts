/** Whether the process is alive and takes transactions, and what problem types mean. Open to everyone; nothing here names a partner or an account. */
import type { FastifyInstance } from 'fastify';
import { reasons } from '../../schemas/reasons.js';
import { readinessOf } from '../engine.js';
import type { GatewayContext } from './context.js';
import { operations } from './openapi.js';
import { describeProblem, doorProblems, Problem, type ProblemCode } from './problems.js';

export function healthRoutes(app: FastifyInstance, { engine }: GatewayContext): void {
  app.get('/livez', { schema: operations.livez }, async () => ({ status: 'ok' }));

  app.get('/readyz', { schema: operations.readyz }, async (_request, reply) => {
    const { ready, ...body } = readinessOf(engine.checks());
    return reply.code(ready ? 200 : 503).send(body);
  });

  app.get<{ Params: { code: string } }>('/problems/:code', { schema: operations.problem }, async (request) => {
    const { code } = request.params;
    if (!Object.hasOwn(doorProblems, code) && !Object.hasOwn(reasons, code)) throw new Problem('not-found', `no problem is called ${code}`);
    return { type: `/problems/${code}`, ...describeProblem(code as ProblemCode) };
  });
}
