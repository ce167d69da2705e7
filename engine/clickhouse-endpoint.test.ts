/** An https address: who the server is, is checked, and it is told who we are. The server is a small one that knows one answer. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import t from 'tap';
import { atServer, serverEndpoint } from './clickhouse-endpoint.js';
import { readConfig } from './config.js';

const missing = spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0 ? false : 'openssl: not installed here, which makes the certificates';

t.test('TLS, with a certificate of our own', { skip: missing }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pointstream-tls-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const certificate = (name: string, alternative: string): { key: string; certificate: string } => {
    const files = { key: join(directory, `${name}.key`), certificate: join(directory, `${name}.pem`) };
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-addext', `subjectAltName=${alternative}`,
      '-keyout', files.key, '-out', files.certificate], { stdio: 'ignore' });
    return files;
  };
  const theirs = certificate('server', 'IP:127.0.0.1'), ours = certificate('engine', 'DNS:engine');
  const server = createServer({ key: readFileSync(theirs.key), cert: readFileSync(theirs.certificate), ca: readFileSync(ours.certificate), requestCert: true, rejectUnauthorized: true }, (request, response) => {
    request.resume();
    response.end(`${JSON.stringify({ who: (request.socket as TLSSocket).getPeerCertificate().subject.CN, user: request.headers['x-clickhouse-user'], byCertificate: request.headers['x-clickhouse-ssl-certificate-auth'] })}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise((resolve) => server.close(resolve)));
  const ask = (flags: Record<string, string>): Promise<unknown[]> => {
    const config = readConfig({ flags: { clickhouse: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, ...flags } });
    return atServer(serverEndpoint(config), async (client) => (await client.query({ query: 'SELECT 1', format: 'JSONEachRow' })).json());
  };
  const own = { clickhouseTlsCertificate: ours.certificate, clickhouseTlsKey: ours.key };
  t.same(await ask({ clickhouseTlsCa: theirs.certificate, ...own }), [{ who: 'engine', user: 'default', byCertificate: 'on' }]);
  await t.rejects(ask(own), /self-signed certificate/, 'a server that nobody vouches for');
  await t.rejects(ask({ clickhouseTlsCa: theirs.certificate }), /ClickHouse at https/, 'without a certificate of our own');
});
