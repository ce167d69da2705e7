/**
 * The PEM files that settings name for TLS: authorities, our own certificate and its key. Read here for every client, so that what is wrong with one is said alike: the setting, the file, why.
 *
 * Promises: a file that is not there, cannot be read or is not what its setting says is a ConfigError. Keeps nothing: who asks again sees a file that was replaced.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ConfigError, ConfigMistakes, type Config } from './config.js';

/** How the names of the three settings begin. */
export type TlsSettings = 'kafkaTls' | 'clickhouseTls';
/** Paths; undefined or empty: none. */
export interface TlsFiles { ca?: string | undefined; certificate?: string | undefined; key?: string | undefined }
/** As Node.js wants them. */
export interface TlsTexts { ca: string | undefined; cert: string | undefined; key: string | undefined }

/** Before anything is started: a wrong setting must not look like a server that does not answer. */
export function checkTlsFiles(config: Config): void {
  const mistakes = new ConfigMistakes();
  for (const settings of ['kafkaTls', 'clickhouseTls'] as const) {
    mistakes.attempt(() => readTlsFiles(settings, { ca: config[`${settings}Ca`], certificate: config[`${settings}Certificate`], key: config[`${settings}Key`] }));
  }
  mistakes.refuse();
}

/** Throws ConfigError. */
export function readTlsFiles(settings: TlsSettings, files: TlsFiles): TlsTexts {
  const mistakes = new ConfigMistakes(), attempt = (...arguments_: Parameters<typeof read>): string | undefined => mistakes.attempt(() => read(...arguments_));
  const ca = attempt(`${settings}Ca`, files.ca, 'certificates of authorities in PEM', (text) => new X509Certificate(text));
  const cert = attempt(`${settings}Certificate`, files.certificate, 'a certificate in PEM', (text) => createSecureContext({ cert: text }));
  const key = attempt(`${settings}Key`, files.key, 'a key in PEM without a passphrase', (text) => createSecureContext({ key: text }));
  mistakes.refuse();
  if (cert !== undefined && key !== undefined) {
    expect(`${settings}Key`, files.key!, `the key of ${settings}Certificate, ${files.certificate}`, () => createSecureContext({ cert, key }));
  }
  return { ca, cert, key };
}

function read(setting: string, file: string | undefined, what: string, parse: (text: string) => unknown): string | undefined {
  if (file === undefined || file === '') return undefined;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${setting}: ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  expect(setting, file, what, () => parse(text));
  return text;
}

function expect(setting: string, file: string, what: string, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    throw new ConfigError(`${setting}: ${file} is not ${what} (${(error as Error).message})`, { cause: error });
  }
}
