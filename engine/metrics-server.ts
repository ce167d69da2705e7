/**
 * What operators ask of a process, whatever its roles are: GET /metrics, and /livez and /readyz as the gateway answers them. On a port of its own, so that the API's port can be public
 * without them.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readinessOf, type ReadyCheck } from './engine.js';
import type { Metrics } from './metrics.js';

const CONNECTIONS_MAX = 64;

interface Answer { status: number; type: string; body: string }
const json = (status: number, body: object): Answer => ({ status, type: 'application/json; charset=utf-8', body: JSON.stringify(body) });

export async function startMetricsServer(metrics: Metrics, checks: () => ReadyCheck[], host: string, port: number): Promise<{ url: string; close(): Promise<void> }> {
  const answer = async (path: string | undefined): Promise<Answer> => {
    switch (path) {
      case '/metrics': return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: await metrics.text() };
      case '/livez': return json(200, { status: 'ok' });
      case '/readyz': {
        const { ready, ...body } = readinessOf(checks());
        return json(ready ? 200 : 503, body);
      }
      default: return { status: 404, type: 'text/plain', body: 'metrics are at /metrics, and whether all is well at /livez and /readyz\n' };
    }
  };
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5000 }, (request, response) => {
    answer(request.url?.split('?')[0]).then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      (error: unknown) => response.writeHead(500, { 'content-type': 'text/plain' }).end(`${String(error)}\n`),
    );
  });
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}
