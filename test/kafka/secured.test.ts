/**
 * A cluster that lets in only who proves who he is, as one in production does: the whole engine on a real broker with SCRAM and PLAIN over TLS and with certificates of both sides, with
 * settings as an operator gives them; and what a command says, soon, when one of them is wrong.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Cluster } from '../../engine/log/kafka/cluster.js';
import { LATEST, listOffset } from '../../engine/log/kafka/offsets.js';
import type { VerifyReport } from '../../loadtest/verifier.js';
import { eventually, ownDirectory, TestEngine } from '../end-to-end/engine.js';
import { pointstreamWith, type Ended } from '../support/command-line.js';
import { PASSWORD, PREFIX, REAUTHENTICATE_MS, securedMissing, startSecured, USER } from './secured-broker.js';

/** Who waits for a broker as for one that is away takes at least that long (engine/log/kafka/unreached.ts). Others wait a third of it for one that hangs up, or not at all. */
const SAID_MS_MAX = 30_000;
/** `nightly`: much like another one. */
interface Wrong { values: object; says: RegExp; password?: string; hangsUp?: boolean; exitCode?: number; nightly?: boolean }
const environment = { POINTSTREAM_KAFKA_PASSWORD: PASSWORD };

t.test('a secured cluster', { skip: securedMissing }, async (t) => {
  const files = ownDirectory(t), { certificates, changePassword, ...secured } = await startSecured(t, files);
  const trusting = { kafkaTls: 'on', kafkaTlsCa: certificates.authority }, known = { kafkaTlsCertificate: certificates.certificate, kafkaTlsKey: certificates.key };
  const passwords = { ...trusting, kafka: secured.passwords, kafkaUser: USER }, mutual = { ...trusting, ...known, kafka: secured.mutual };
  const common = { clickhouse: 'off', partitions: 2, shards: 1, kafkaPrefix: PREFIX };
  const settings = (directory: string, values: object): void => writeFileSync(join(directory, 'pointstream.yaml'), JSON.stringify({ ...common, ...values })); // JSON is YAML

  await t.test('an engine works by each way in', async (t) => {
    const directory = ownDirectory(t);
    settings(directory, { ...passwords, kafkaSasl: 'scram-sha-512' });
    const engine = await TestEngine.start(t, { directory, environment });
    await engine.put('/v1/programs/default', { name: 'Default', timeZone: 'UTC', currencies: [{ id: 'points', scale: 0 }], expiryFrom: 'received' });
    await engine.put('/v1/partners/grocer', { name: 'Grocer', timeZone: 'UTC', currency: 'EUR' });
    await engine.put('/v1/rules', { rules: [{ id: 'base', version: 1, award: { kind: 'perAmount', points: 1, amount: 100 } }] });
    let purchases = 0;
    const buy = async (): Promise<void> => {
      const id = `r-${++purchases}`, body = { id, kind: 'purchase', partner: 'grocer', card: '4711', occurredAt: '2026-01-05T10:00:00Z', currency: 'EUR', total: 1000 };
      t.match(await engine.call('POST', '/v1/transactions', { body }), { status: 200, body: { status: 'processed' } });
      t.match(await engine.call('GET', '/v1/cards/4711'), { status: 200, body: { balances: { points: { available: 10 * purchases } } } });
    };
    const verified = async (): Promise<void> => {
      const { code, stdout, stderr } = await engine.run('verify', '--data', directory, '--json');
      if (!t.equal(code, 0, 'the verifier finds nothing')) t.comment(stdout, stderr);
      t.match(JSON.parse(stdout) as VerifyReport, { ok: true, differences: [] });
    };
    await buy();
    await verified();

    await t.test('and lives through a change of its password', async (t) => {
      changePassword('another one');
      const refused = await eventually(() => engine.ready(), ({ status }) => status === 503);
      t.match(refused.body, { status: 'not ready', checks: [{ name: 'log', ok: false, detail: /invalid credentials.*kafkaPassword/ }] });
      changePassword(PASSWORD);
      t.match(await eventually(() => engine.ready(), ({ status }) => status === 200), { status: 200 });
    });
    await buy();
    const { code, stderr } = await engine.stop();
    t.equal(code, 0);
    t.match(stderr, /"trouble":".*invalid credentials.*the log does not answer/);
    t.match(stderr, /the log answers again/);
    t.notMatch(stderr, /DEP0|Warning/);
    t.notOk(stderr.includes(PASSWORD));
    await verified();

    for (const [way, values] of Object.entries({ 'scram-sha-256': { ...passwords, kafkaSasl: 'scram-sha-256' }, plain: { ...passwords, kafkaSasl: 'plain' }, certificate: mutual })) {
      await t.test(way, async (t) => {
        settings(directory, values);
        await engine.start();
        await buy();
        const doctor = JSON.parse((await engine.run('doctor', '--data', directory, '--json')).stdout) as { checks: object[] };
        t.match(doctor.checks.find((check) => (check as { name: string }).name === 'kafka'), { status: 'ok' });
        t.match(await engine.stop(), { code: 0 });
      });
    }
  });

  await t.test('no request fails because a connection has to prove again who it is', async (t) => {
    const sasl = { mechanism: 'SCRAM-SHA-512', user: USER, password: PASSWORD } as const, topic = `${PREFIX}commands`;
    const cluster = new Cluster({ brokers: [secured.passwords], clientId: 'test', tls: { caFile: certificates.authority, certificateFile: undefined, keyFile: undefined }, sasl });
    await cluster.describe([topic]);
    const untilMs = performance.now() + 2 * REAUTHENTICATE_MS;
    // Several at a time, so that some are always under way.
    const ask = async (): Promise<void> => { while (performance.now() < untilMs) await listOffset(cluster, topic, 0, LATEST); };
    await t.resolves(Promise.all([ask(), ask(), ask(), ask()]));
    await cluster.close();
  });

  const scram = { ...passwords, kafkaSasl: 'scram-sha-512' };
  const wrong: Record<string, Wrong> = {
    'a wrong password': { values: scram, says: /invalid credentials.*kafkaPassword/, password: 'not the word' },
    'a wrong password in plain': { values: { ...passwords, kafkaSasl: 'plain' }, says: /Invalid username or password.*kafkaPassword/, password: 'not the word', nightly: true },
    'an authority that did not sign': { values: { ...scram, kafkaTlsCa: certificates.stranger }, says: /not trusted.*kafkaTlsCa/ },
    'TLS where there is none': { values: { ...trusting, kafka: secured.plain }, says: /hangs up when TLS begins.*kafkaTls/, hangsUp: true },
    'no TLS where it is': { values: { ...scram, kafkaTls: 'off' }, says: /kafkaTls=on/ },
    'a password where none is asked for': { values: { ...scram, kafka: secured.plain, kafkaTls: 'off' }, says: /kafkaSasl be off/, nightly: true },
    'no password': { values: { ...scram, kafkaSasl: 'off' }, says: /hangs up.*kafkaSasl/, hangsUp: true },
    'no certificate': { values: { ...mutual, kafkaTlsCertificate: '', kafkaTlsKey: '' }, says: /kafkaTlsCertificate/, nightly: true },
    "somebody else's key": { values: { ...mutual, kafkaTlsKey: certificates.authority.replace('.crt', '.key') }, says: /kafkaTlsKey/, exitCode: 2 },
    'a file that is not there': { values: { ...mutual, kafkaTlsCa: join(files, 'nowhere.pem') }, says: /kafkaTlsCa: .*nowhere/, exitCode: 2 },
  };
  await t.test('what is wrong is said, soon', async (t) => {
    const serve = async ({ values, password = PASSWORD }: Wrong): Promise<Ended & { milliseconds: number }> => {
      const directory = ownDirectory(t), beganMs = performance.now();
      settings(directory, { ...values, port: 0, metricsPort: 0 });
      const ended = await pointstreamWith({ POINTSTREAM_KAFKA_PASSWORD: password }, directory, 'serve', '--data', 'data');
      return { ...ended, milliseconds: performance.now() - beganMs };
    };
    // Those that wait for the broker to think better of it do so while the others run, one by one.
    const tried = Object.entries(wrong).filter(([, { nightly = false }]) => !nightly || process.env.NIGHTLY);
    const waiting = new Map(tried.map(([, each]) => each).filter(({ hangsUp }) => hangsUp).map((each) => [each, serve(each)]));
    for (const [what, each] of tried.sort(([, a], [, b]) => Number(a.hangsUp ?? false) - Number(b.hangsUp ?? false))) {
      const { code, stderr, milliseconds } = await (waiting.get(each) ?? serve(each));
      t.equal(code, each.exitCode ?? 3, what);
      t.match(stderr, each.says);
      t.notOk(stderr.includes(each.password ?? PASSWORD), 'without the password');
      t.ok(milliseconds < SAID_MS_MAX, `after ${Math.round(milliseconds)} ms`);
    }
  });
});
