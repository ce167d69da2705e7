/** What is wrong with an address is said as a mistake of the setting that mends it, whichever door it is of. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import t from 'tap';
import { ConfigError } from './config.js';
import { listening } from './listening.js';

const open = async (port: number, host: string): Promise<number> => {
  const server = createServer().listen(port, host);
  t.teardown(() => void server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
};
const refusal = (opening: Promise<unknown>): Promise<unknown> => opening.then(() => undefined, (error: unknown) => error);

t.test('a port in use, a host of elsewhere, and what is no mistake of the settings', async (t) => {
  const taken = await listening('port', 'host', open(0, '127.0.0.1'));
  for (const [name, flag] of [['port', 'port'], ['clickhousePort', 'clickhouse-port'], ['metricsPort', 'metrics-port'], ['peerPort', 'peer-port']] as const) {
    const error = await refusal(listening(name, 'peerHost', open(taken, '127.0.0.1')));
    t.match(error, { message: new RegExp(`^${name}: listen EADDRINUSE.*:${taken}: .*--${flag}, 0 picks a free one$`) });
    t.ok(error instanceof ConfigError);
  }
  for (const [host, flag] of [['host', 'host'], ['peerHost', 'peer-host']] as const) {
    t.match(await refusal(listening('peerPort', host, open(0, '192.0.2.1'))), { message: new RegExp(`^${host}: listen EADDRNOTAVAIL.*--${flag}$`) });
  }
  const other = new Error('something else');
  t.equal(await refusal(listening('port', 'host', Promise.reject(other))), other);
});
