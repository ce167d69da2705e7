/** What is wrong with a PEM file that a setting names is a wrong setting for every command, and said by the names of the setting and the file. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { pointstream } from '../test/support/command-line.js';
import { ConfigError } from './config.js';
import { readTlsFiles } from './tls-files.js';

const missing = spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0 ? false : 'openssl: not installed here, which makes the certificates';

t.test('files of TLS', { skip: missing }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pointstream-files-')), at = (name: string): string => join(directory, name);
  t.teardown(() => rmSync(directory, { recursive: true }));
  const openssl = (...argv: string[]): void => void execFileSync('openssl', argv, { stdio: 'ignore' });
  for (const name of ['ours', 'theirs']) {
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`));
  }
  openssl('ec', '-in', at('ours.key'), '-aes128', '-passout', 'pass:secret', '-out', at('locked.key'));
  writeFileSync(at('text.pem'), 'not PEM');
  writeFileSync(at('garbage.pem'), '-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n');
  writeFileSync(at('bundle.pem'), `Authorities that we trust\n${readFileSync(at('ours.pem'), 'utf8')}\n${readFileSync(at('theirs.pem'), 'utf8')}`);
  mkdirSync(at('directory.pem'));
  writeFileSync(at('secret.pem'), '');
  chmodSync(at('secret.pem'), 0);

  await t.test('what is fine', async (t) => {
    const read = readTlsFiles('kafkaTls', { ca: at('bundle.pem'), certificate: at('ours.pem'), key: at('ours.key') });
    t.same(read, { ca: readFileSync(at('bundle.pem'), 'utf8'), cert: readFileSync(at('ours.pem'), 'utf8'), key: readFileSync(at('ours.key'), 'utf8') });
    t.same(readTlsFiles('clickhouseTls', { ca: '', certificate: undefined }), { ca: undefined, cert: undefined, key: undefined }, 'none');
  });

  await t.test('what is wrong', async (t) => {
    const refused = (files: Parameters<typeof readTlsFiles>[1], message: RegExp): void => {
      t.throws(() => readTlsFiles('clickhouseTls', files), { constructor: ConfigError, message }, JSON.stringify(files));
    };
    for (const [part, setting] of [['ca', 'Ca'], ['certificate', 'Certificate'], ['key', 'Key']] as const) {
      refused({ [part]: at('nowhere.pem') }, new RegExp(`^clickhouseTls${setting}: .*nowhere.pem cannot be read: ENOENT`));
      refused({ [part]: at('directory.pem') }, new RegExp(`^clickhouseTls${setting}: .*directory.pem cannot be read: EISDIR`));
      if (process.getuid?.() !== 0) refused({ [part]: at('secret.pem') }, new RegExp(`^clickhouseTls${setting}: .*secret.pem cannot be read: EACCES`));
      refused({ [part]: at('text.pem') }, new RegExp(`^clickhouseTls${setting}: .*text.pem is not .*PEM`));
      refused({ [part]: at('garbage.pem') }, new RegExp(`^clickhouseTls${setting}: .*garbage.pem is not .*PEM`));
    }
    refused({ ca: at('nowhere.pem'), key: at('text.pem') }, /^2 mistakes in the settings:\n  clickhouseTlsCa: .*ENOENT.*\n  clickhouseTlsKey: .*text.pem is not/);
    refused({ ca: at('ours.key') }, /^clickhouseTlsCa: .*ours.key is not certificates/);
    refused({ key: at('locked.key') }, /^clickhouseTlsKey: .*locked.key is not a key in PEM without a passphrase/);
    refused({ certificate: at('ours.pem'), key: at('theirs.key') }, /^clickhouseTlsKey: .*theirs.key is not the key of clickhouseTlsCertificate, .*ours.pem/);
  });

  await t.test('every command ends with exit code 2, before it does anything', async (t) => {
    const nowhere = at('nowhere.pem'), kafka = ['--kafka', '127.0.0.1:1', '--kafka-tls', 'on'], server = ['--clickhouse', 'https://127.0.0.1:1'];
    const commands = [['serve', ...kafka, '--kafka-tls-ca', nowhere], ['serve', ...server, '--clickhouse-tls-ca', at('garbage.pem')],
      ['verify', ...kafka, '--kafka-tls-certificate', at('ours.pem'), '--kafka-tls-key', at('theirs.key')], ['migrate', ...server, '--clickhouse-tls-ca', nowhere],
      ['doctor', ...server, '--clickhouse-tls-certificate', at('text.pem'), '--clickhouse-tls-key', at('ours.key')]];
    for (const argv of commands) {
      const { code, stdout, stderr } = await pointstream(directory, ...argv, '--data', at('data'));
      t.match({ code, stdout, stderr }, { code: 2, stdout: '', stderr: /^error: (kafka|clickhouse)Tls(Ca|Certificate|Key): \/.*(pem|key) (is not|cannot be read).*\n$/ }, argv.join(' '));
    }
  });
});
