/**
 * A real broker that lets nobody in who does not prove who he is, with the certificates for it: a listener for passwords over TLS, one for client certificates, and (as always) a plain one.
 * Certificates are made anew by `openssl`, in a directory of the test's own.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AclOperations, AclPermissionTypes, createAclsV3, ResourcePatternTypes, ResourceTypes } from '@platformatic/kafka';
import { Cluster } from '../../engine/log/kafka/cluster.js';
import { brokerDirectory } from '../../loadtest/kafka-broker.js';
import { Broker, freePorts, kafkaMissing } from './broker.js';

export const securedMissing = kafkaMissing || (spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0 ? false : 'openssl: not installed here, which makes the certificates');
export const USER = 'loyalty', PASSWORD = 'a; word of=user $1';
/** So soon a connection has to prove again who it is. */
export const REAUTHENTICATE_MS = 2000;

/** Begins the names of what the user may use. */
export const PREFIX = 'secured.';

/** Paths of PEM files. */
export interface Certificates { authority: string; stranger: string; certificate: string; key: string }
export interface SecuredBroker {
  broker: Broker;
  certificates: Certificates;
  /** HOST:PORT of each listener. */
  plain: string;
  passwords: string;
  mutual: string;
  /** Of SCRAM-SHA-512; takes effect when a connection proves again who it is. */
  changePassword(password: string): void;
}

export async function startSecured(t: { teardown(end: () => Promise<void>): void }, directory: string): Promise<SecuredBroker> {
  const certificates = makeCertificates(directory), [passwordsPort, mutualPort] = await freePorts();
  const passwords = `127.0.0.1:${passwordsPort}`, mutual = `127.0.0.1:${mutualPort}`, module = 'org.apache.kafka.common.security';
  const settings = {
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PASSWORDS:SASL_SSL,MUTUAL:SSL', 'ssl.keystore.type': 'PEM', 'ssl.truststore.type': 'PEM',
    'ssl.keystore.location': join(directory, 'broker.pem'), 'ssl.truststore.location': certificates.authority, 'listener.name.mutual.ssl.client.auth': 'required',
    'listener.name.passwords.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512', 'connections.max.reauth.ms': REAUTHENTICATE_MS,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer', 'super.users': 'User:ANONYMOUS', // the plain listener, for the test itself
    'listener.name.passwords.plain.sasl.jaas.config': `${module}.plain.PlainLoginModule required user_${USER}="${PASSWORD}";`,
    'listener.name.passwords.scram-sha-256.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
    'listener.name.passwords.scram-sha-512.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
  };
  const users = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => ['--add-scram', `${mechanism}=[name=${USER},password=${PASSWORD}]`]);
  const broker = await Broker.start(t, settings, { listeners: [`PASSWORDS://${passwords}`, `MUTUAL://${mutual}`], format: users });
  await allow(broker.address, [`User:${USER}`, 'User:CN=engine']);
  const changePassword = (password: string): void => {
    const argv = ['--bootstrap-server', broker.address, '--alter', '--entity-type', 'users', '--entity-name', USER, '--add-config', `SCRAM-SHA-512=[password=${password}]`];
    execFileSync('java', ['-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', join(brokerDirectory(), '*'), 'kafka.admin.ConfigCommand', ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  return { broker, certificates, plain: broker.address, passwords, mutual, changePassword };
}

/** What README.md says that an engine needs, and nothing else. */
async function allow(address: string, principals: string[]): Promise<void> {
  const { READ, WRITE, CREATE, DELETE, DESCRIBE_CONFIGS } = AclOperations, { TOPIC, GROUP, TRANSACTIONAL_ID } = ResourceTypes;
  const needed = [
    ...[READ, WRITE, CREATE, DELETE, DESCRIBE_CONFIGS].map((operation) => ({ resourceType: TOPIC, operation })), { resourceType: GROUP, operation: READ }, { resourceType: TRANSACTIONAL_ID, operation: WRITE },
  ];
  const every = { resourceName: PREFIX, resourcePatternType: ResourcePatternTypes.PREFIXED, host: '*', permissionType: AclPermissionTypes.ALLOW };
  const cluster = new Cluster({ brokers: [address], clientId: 'test' });
  const rules = principals.flatMap((principal) => needed.map((each) => ({ ...every, ...each, principal })));
  await cluster.fromAny(createAclsV3.api, rules);
  await cluster.close();
}

function makeCertificates(directory: string): Certificates {
  const path = (name: string): string => join(directory, name);
  const openssl = (...argv: string[]): void => void execFileSync('openssl', argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  const own = (name: string): string[] => ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', `/CN=${name}`, '-keyout', path(`${name}.key`)];
  for (const name of ['authority', 'stranger']) openssl('req', '-x509', ...own(name), '-days', '2', '-out', path(`${name}.crt`));
  writeFileSync(path('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  for (const name of ['broker', 'engine']) {
    openssl('req', '-new', ...own(name), '-out', path(`${name}.csr`));
    const by = ['-CA', path('authority.crt'), '-CAkey', path('authority.key'), '-CAcreateserial', '-days', '2', '-extfile', path('names')];
    openssl('x509', '-req', '-in', path(`${name}.csr`), ...by, '-out', path(`${name}.crt`));
  }
  writeFileSync(path('broker.pem'), readFileSync(path('broker.key')));
  appendFileSync(path('broker.pem'), readFileSync(path('broker.crt')));
  return { authority: path('authority.crt'), stranger: path('stranger.crt'), certificate: path('engine.crt'), key: path('engine.key') };
}
