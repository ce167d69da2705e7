/**
 * API keys: who may call, and for whom.
 *
 *   admin key     from POINTSTREAM_ADMIN_KEY, or made once and kept in DIR/admin-key; every scope, every partner
 *   operator key  made anew by each `serve`, in DIR/operator-key; allows commands on this machine to verify, and nothing else
 *   partner keys  set by PUT /v1/partners/{partner} {keys}; only that partner's data, only the scopes given
 *
 * Promises: only SHA-256 digests are kept, in memory and at rest; a key that is presented is compared by digest in constant time; nothing here is ever
 * returned or logged. SHA-256 and not scrypt: keys are long random texts, not passwords (at least 16 characters are asked for), so there is nothing for a
 * slow hash to protect, and it would cost every request its latency. Never: keeps the text of a key.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nearestName } from '../schemas/validate.js';
import { ConfigError } from './config.js';

const partnerScopes = ['post', 'read', 'products'] as const;
export type PartnerScope = (typeof partnerScopes)[number];

export interface KeyDocument { key: string; scopes: string[] }
export interface KeyProblem { pointer: string; reason: 'invalid' | 'missing' | 'unknown-field'; detail: string; hint?: string }

/** Who calls. `partner` is absent for the admin key; `digest` names the caller in quotas. */
export interface Caller { digest: string; partner?: string; scopes: ReadonlySet<string> }

/** Where digests survive a restart: named values of the log. Several gateways put keys: each version of the list is added once, by whoever is first; others put theirs on top of it. */
export interface KeyStorage {
  getValue(name: string): Promise<Uint8Array | undefined>;
  putValue(name: string, value: Uint8Array): Promise<void>;
  addValue(name: string, value: Uint8Array): Promise<boolean>;
}

const KEY_LENGTH_MIN = 16;
const KEY_LENGTH_MAX = 256;
const KEYS_PER_PARTNER_MAX = 16;
/** What the header of a request carries. */
const carried = /^[\x21-\x7e]+$/;
/** Has some version of the list, from which newer ones are looked for. */
const STORED_NAME = 'keys';
/** Versions that are kept whole. Nobody needs more than the newest; of those before it only the names are kept, as an empty list, so that each is taken for ever. */
const VERSIONS_KEPT = 3, EMPTY = '[]';
const versionName = (version: number): string => `keys/${version}`;

const digestOf = (key: string): Buffer => createHash('sha256').update(key, 'utf8').digest();

interface StoredKey { partner: string; digest: string; scopes: string[] }
interface StoredKeys { version: number; keys: StoredKey[] }

export class Keys {
  private readonly admin: Buffer;
  private readonly adminCaller: Caller;
  private byDigest = new Map<string, Caller>();
  private putting: Promise<unknown> = Promise.resolve();

  private constructor(adminKey: string, private readonly operatorKey: string | undefined, private readonly storage: KeyStorage, private stored: StoredKeys) {
    this.admin = digestOf(adminKey);
    this.adminCaller = { digest: this.admin.toString('base64url'), scopes: new Set(['admin']) };
    this.index();
  }

  static async open(adminKey: string, storage: KeyStorage, operatorKey?: string): Promise<Keys> {
    const bytes = await storage.getValue(STORED_NAME);
    const stored = bytes === undefined ? [] : JSON.parse(Buffer.from(bytes).toString('utf8')) as StoredKeys | StoredKey[];
    const keys = new Keys(adminKey, operatorKey, storage, Array.isArray(stored) ? { version: 0, keys: stored } : stored);
    await keys.refresh();
    return keys;
  }
  /** Learns what other gateways have put. */
  async refresh(): Promise<void> {
    // Taken when there is no newer one: those between may have been emptied.
    let newest: { version: number; bytes: Uint8Array } | undefined;
    for (let version = this.stored.version + 1; ; version++) {
      const bytes = await this.storage.getValue(versionName(version));
      if (bytes === undefined) break;
      newest = { version, bytes };
    }
    if (newest && newest.version > this.stored.version) this.take({ version: newest.version, keys: JSON.parse(Buffer.from(newest.bytes).toString('utf8')) as StoredKey[] });
  }

  /** The caller that a key belongs to. The look-up is by digest, so its timing says nothing about the key. */
  find(key: string): Caller | undefined {
    if (key.length > KEY_LENGTH_MAX) return undefined;
    const digest = digestOf(key);
    if (timingSafeEqual(digest, this.admin)) return this.adminCaller;
    return this.byDigest.get(digest.toString('base64url'));
  }

  /** What is wrong with the `keys` of a partner document; nothing when it may be given to `put`. */
  check(keys: unknown, partner: string): KeyProblem[] {
    if (!Array.isArray(keys)) return [{ pointer: '/keys', reason: 'invalid', detail: 'must be a list of {key, scopes}' }];
    if (keys.length > KEYS_PER_PARTNER_MAX) return [{ pointer: '/keys', reason: 'invalid', detail: `at most ${KEYS_PER_PARTNER_MAX} keys` }];
    return [...keys.flatMap((entry: unknown, index) => this.checkKey(entry, `/keys/${index}`, partner)), ...givenTwice(keys)];
  }

  /** Replaces the keys of a partner; durable when it resolves. */
  put(partner: string, keys: KeyDocument[]): Promise<void> {
    const put = this.putting.then(() => this.putNext(partner, keys));
    this.putting = put.catch(() => undefined);
    return put;
  }

  private async putNext(partner: string, keys: KeyDocument[]): Promise<void> {
    const own = keys.map(({ key, scopes }) => ({ partner, digest: digestOf(key).toString('base64url'), scopes: [...new Set(scopes)] }));
    for (;;) {
      await this.refresh();
      const next: StoredKeys = { version: this.stored.version + 1, keys: [...this.stored.keys.filter((entry) => entry.partner !== partner), ...own] };
      if (!await this.storage.addValue(versionName(next.version), Buffer.from(JSON.stringify(next.keys)))) continue;
      this.take(next);
      await this.storage.putValue(STORED_NAME, Buffer.from(JSON.stringify(next)));
      // The keys are put whatever becomes of this; what is left is done the next time.
      return this.emptyUpTo(next.version - VERSIONS_KEPT).catch(() => undefined);
    }
  }
  /** Each list has the keys of all partners, so all versions of it would be the square of that. From the oldest on, so that whoever goes on after a crash finds the first that is left. */
  private async emptyUpTo(last: number): Promise<void> {
    let first = last + 1;
    for (let bytes; first > 1 && (bytes = await this.storage.getValue(versionName(first - 1))) !== undefined && bytes.length > EMPTY.length;) first--;
    for (let version = first; version <= last; version++) await this.storage.putValue(versionName(version), Buffer.from(EMPTY));
  }
  private take(stored: StoredKeys): void {
    this.stored = stored;
    this.index();
  }
  private index(): void {
    this.byDigest = new Map(this.stored.keys.map(({ digest, partner, scopes }) => [digest, { digest, partner, scopes: new Set(scopes) }]));
    if (this.operatorKey === undefined) return;
    const digest = digestOf(this.operatorKey).toString('base64url');
    this.byDigest.set(digest, { digest, scopes: new Set(['verify']) });
  }

  private checkKey(entry: unknown, pointer: string, partner: string): KeyProblem[] {
    if (typeof entry !== 'object' || entry === null) return [{ pointer, reason: 'invalid', detail: 'must be {key, scopes}' }];
    const problems: KeyProblem[] = [];
    for (const name of Object.keys(entry)) {
      if (name !== 'key' && name !== 'scopes') problems.push({ pointer: `${pointer}/${name}`, reason: 'unknown-field', detail: 'unknown field', hint: 'known fields: key, scopes' });
    }
    const { key, scopes } = entry as { key?: unknown; scopes?: unknown };
    if (typeof key !== 'string' || isShort(key) || key.length > KEY_LENGTH_MAX || !carried.test(key)) {
      const detail = `must be ${KEY_LENGTH_MIN} to ${KEY_LENGTH_MAX} printable ASCII characters without spaces`;
      problems.push({ pointer: `${pointer}/key`, reason: key === undefined ? 'missing' : 'invalid', detail, hint: 'for example: openssl rand -hex 24' });
    } else if (this.belongsToAnother(key, partner)) {
      problems.push({ pointer: `${pointer}/key`, reason: 'invalid', detail: 'this key cannot be used', hint: 'choose another one' });
    }
    if (!Array.isArray(scopes)) {
      problems.push({ pointer: `${pointer}/scopes`, reason: scopes === undefined ? 'missing' : 'invalid', detail: `must be a list of ${partnerScopes.join(', ')}` });
    } else problems.push(...wrongScopes(scopes, `${pointer}/scopes`));
    return problems;
  }

  private belongsToAnother(key: string, partner: string): boolean {
    const caller = this.find(key);
    return caller !== undefined && caller.partner !== partner;
  }
}

function wrongScopes(scopes: readonly unknown[], pointer: string): KeyProblem[] {
  const known = `known scopes: ${partnerScopes.join(', ')}`;
  if (scopes.length === 0) return [{ pointer, reason: 'invalid', detail: 'must have at least one scope', hint: known }];
  return scopes.flatMap((scope, index): KeyProblem[] => {
    if ((partnerScopes as readonly unknown[]).includes(scope)) return [];
    const meant = typeof scope === 'string' ? nearestName(scope, partnerScopes) : undefined;
    return [{ pointer: `${pointer}/${index}`, reason: 'invalid', detail: 'not a scope', hint: meant === undefined ? known : `did you mean ${meant}?` }];
  });
}
/** A key has one entry: of several the last one would count. The key itself is not shown. */
function givenTwice(keys: readonly unknown[]): KeyProblem[] {
  const texts = keys.map((entry) => (entry as { key?: unknown } | null)?.key);
  return texts.flatMap((key, index): KeyProblem[] => (typeof key !== 'string' || texts.indexOf(key) === index ? []
    : [{ pointer: `/keys/${index}/key`, reason: 'invalid', detail: 'this key is given twice', hint: 'Put all its scopes into one entry.' }]));
}

/** Whether a key is too short to be kept as keys are here. Partners' are refused then; of the admin key, which the operator answers for, the log says so. */
export const isShort = (key: string): boolean => key.length < KEY_LENGTH_MIN;

/** The admin key: as configured, else what DIR/admin-key holds, else a new one that is written there for its owner alone. */
export async function adminKey(configured: string, directory: string): Promise<string> {
  if (configured !== '') return usable('adminKey', configured);
  const path = join(directory, 'admin-key');
  try {
    const key = (await readFile(path, 'utf8')).trim();
    if (key !== '') return usable(path, key);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return writeKey(path);
}

/** With another one the engine would start, and answer each request that its key is not known. The key itself is not shown. */
function usable(where: string, key: string): string {
  if (key.length <= KEY_LENGTH_MAX && carried.test(key)) return key;
  const hint = 'take away blanks and the line break that a file or a secret may end with';
  throw new ConfigError(`${where}: must be up to ${KEY_LENGTH_MAX} printable ASCII characters without spaces, else no request could carry it; ${hint}`);
}

/** A new key in DIR/operator-key, for commands on this machine: whoever may read the data directory may verify it. */
export const operatorKeyPath = (directory: string): string => join(directory, 'operator-key');
export async function makeOperatorKey(directory: string): Promise<string> {
  // Made anew, not overwritten: an old file may have other rights.
  await rm(operatorKeyPath(directory), { force: true });
  return writeKey(operatorKeyPath(directory));
}

async function writeKey(path: string): Promise<string> {
  const key = randomBytes(24).toString('hex');
  await writeFile(path, `${key}\n`, { mode: 0o600 });
  return key;
}
