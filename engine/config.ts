/**
 * Every setting, once: name, type, default, bounds and why. Flags (--body-bytes-max), the environment (POINTSTREAM_BODY_BYTES_MAX), pointstream.yaml
 * (bodyBytesMax) and the table in docs/settings.md all come from this list.
 *
 * Promises: flag over environment over file over default; what is unknown, of a wrong type or out of bounds is refused, all of it at once, with the place it stands in
 * and, where there is one, the nearest known name. Never: reads a setting anywhere else, or changes one after the start.
 */
import { parse as parseYaml } from 'yaml';
import { nearestName } from '../schemas/validate.js';
import { isOfOthers } from './foreign-variables.js';
import { readBrokers } from './log/kafka/connection.js';
import { readRoutes } from './router/routes.js';

interface Described { why: string }
export interface IntegerSetting extends Described { type: 'integer'; default: number; min: number; max: number }
export interface TextSetting extends Described { type: 'text'; default: string; secret?: boolean; pattern?: RegExp }
export interface ChoiceSetting extends Described { type: 'choice'; default: string; choices: readonly string[] }
/** One of some words, or the address of a server. */
export interface AddressSetting extends Described { type: 'url'; default: string; words: readonly string[] }
export type Setting = IntegerSetting | TextSetting | ChoiceSetting | AddressSetting;

const MiB = 2 ** 20;
const integer = (value: number, min: number, max: number, why: string) => ({ type: 'integer', default: value, min, max, why }) as const;
const text = (value: string, why: string) => ({ type: 'text', default: value, why }) as const;
const name = (value: string, pattern: RegExp, why: string) => ({ type: 'text', default: value, pattern, why }) as const;
const secret = (why: string) => ({ type: 'text', default: '', secret: true, why }) as const;
const choice = <const C extends readonly [string, ...string[]]>(choices: C, why: string) => ({ type: 'choice', default: choices[0], choices, why }) as const;
const address = (words: readonly [string, ...string[]], why: string) => ({ type: 'url', default: words[0], words, why }) as const;
const port = (value: number, why: string) => integer(value, 0, 65_535, `${why} 0 picks a free one.`);

export const settings = {
  data: text('data', 'Directory that holds everything the engine knows; one engine at a time.'),
  host: text('127.0.0.1', 'Address of all listeners. Only this machine by default: TLS belongs in front.'),
  port: port(8080, 'HTTP API.'),
  clickhousePort: port(8123, 'Embedded ClickHouse, HTTP protocol.'),
  metricsPort: port(9464, 'Prometheus metrics.'),
  adminKey: secret('API key with every scope. When empty, a first key is made and written to DIR/admin-key, mode 0600. Never a flag: flags show in the list of processes.'),
  logLevel: choice(['info', 'trace', 'debug', 'warn', 'error', 'fatal'], 'What is logged on stderr.'),

  kafka: text('', 'HOST:PORT of some Kafka brokers, separated by commas: the log is there instead of in the data directory. Empty: embedded.'),
  kafkaPrefix: text('pointstream-', 'Begins the names of topics and of the group of engines, so that several installations may share a cluster.'),
  kafkaCompression: choice(['lz4', 'none', 'zstd', 'snappy', 'gzip'], 'How what is written to Kafka is compressed.'),
  kafkaSessionMs: integer(6000, 1000, 300_000, 'An engine that is silent for longer loses its partitions to others. Not below group.min.session.timeout.ms of the brokers.'),
  kafkaTls: choice(['off', 'on'], 'Whether connections to Kafka are encrypted.'),
  kafkaTlsCa: text('', 'PEM file of the authorities that sign the certificates of brokers. Empty: those of the system.'),
  kafkaTlsCertificate: text('', 'PEM file of our own certificate, where brokers ask for one.'),
  kafkaTlsKey: text('', 'PEM file of its key.'),
  kafkaSasl: choice(['off', 'plain', 'scram-sha-256', 'scram-sha-512'], 'How the engine proves to Kafka who it is.'),
  kafkaUser: text('', 'User at Kafka.'),
  kafkaPassword: secret('Password at Kafka.'),
  roles: text('gateway,router,engine,sink',
    "What this process does, of a log on Kafka: gateway (HTTP), router (partners' topics), engine (partitions), sink (facts of its partitions to ClickHouse)."),
  routerTopics: text('', "PARTNER=TOPIC, separated by commas: partners' own topics on Kafka. Routers share them; a topic has one partner, a partner any number of topics."),
  peerHost: text('', 'Address under which other engines reach this one. Empty: host, or where that is all addresses (0.0.0.0) the first one of this machine.'),
  peerPort: integer(0, 0, 65_535, 'Where other engines ask for accounts of the partitions that are here. 0 picks a free one.'),

  partitions: integer(0, 0, 256, 'Units of order; fixed when the log is created. 0: as stored, 8 for a new log, 16 on Kafka.'),
  shards: integer(0, 0, 64, 'Threads that evaluate; partitions are spread over them. 0: as many as cores, at most the partitions.'),
  parsers: integer(0, 0, 64, 'Threads that parse bodies. 0: half the cores, at least 1.'),

  bodyBytesMax: integer(64 * MiB, 1024, 1024 * MiB, 'Largest body, also after decompression; beyond it 413.'),
  bodyTimeoutMs: integer(120_000, 1000, 3_600_000, 'A whole request must have arrived by then, else 408: slow senders may not hold connections for ever.'),
  bodyIdleMsMax: integer(15_000, 100, 600_000, 'Longest pause between two pieces of a body, else 408; a reader who takes nothing of a large answer for so long is cut off.'),
  pieceBytes: integer(MiB, 4096, 16 * MiB, 'Bodies of many items go to the parsers in pieces of this size: large enough to amortise the hand-over, small enough to use all parsers.'),
  piecesPerRequestMax: integer(4, 1, 64, 'Pieces of one request between arrival and commit; then the sender is slowed down by TCP.'),
  bodyBytesInFlightMax: integer(256 * MiB, MiB, 4096 * MiB, 'Bytes of all bodies between arrival and commit, and as many of large answers on their way out; beyond it 503.'),
  rejectedItemsMax: integer(100_000, 1, 10_000_000, 'Rejected items of one batch; a body with more is refused from there on: it is not what it says it is.'),
  connectionsMax: integer(4096, 1, 65_535, 'Open connections of the API; more are closed at once.'),
  answerTimeoutMs: integer(30_000, 100, 600_000, 'How long a request waits for its commit before it is answered 503; what was accepted stays accepted, a repeat is a duplicate.'),
  pageMax: integer(1000, 1, 10_000, 'Most items of a page (limit=).'),
  quotaPerMinute: integer(0, 0, 1_000_000_000, 'Requests a minute that one key may make, told in RateLimit headers; beyond it 429. 0: no quota.'),

  lagBytesMax: integer(1024 * MiB, MiB, 2 ** 45, 'Bytes that may wait in the log; above it the bulk door answers 429.'),
  batchBytesMax: integer(192 * 1024, 16 * 1024, 64 * MiB, 'Most input bytes of one batch of a partition: a few milliseconds of work, so that a till waits behind little.'),
  cacheBytesMax: integer(640 * MiB, MiB, 2 ** 40, 'Memory for hot accounts over all shards.'),
  replaySecondsMax: integer(5, 1, 3600, 'How long the replay of effects may take after a crash; it paces the checkpoints.'),
  historyDays: integer(400, 1, 36_500, 'How long commands, results and dead letters are kept; also the return window of partners that state none, from the next PUT of a document on.'),
  stopTimeoutMs: integer(30_000, 100, 600_000, 'Longest graceful stop. In its second half nothing waits for Kafka or ClickHouse any more; then the process ends anyway. Nothing acknowledged is lost.'),

  clickhouse: address(['embedded', 'off'], 'Where facts go: the embedded engine (unasked only where chdb is there), the server at an http(s) address, or nowhere (off: they stay in the log).'),
  clickhouseUser: text('default', 'User at the ClickHouse server.'),
  clickhousePassword: secret('Password at the ClickHouse server.'),
  clickhouseDatabase: name('pointstream', /^[A-Za-z_]\w*$/, 'Database at the ClickHouse server, so that several installations may share one.'),
  clickhouseCluster: name('', /^[\w.-]*$/, 'Cluster of the ClickHouse server, of one shard, over whose replicas the tables are replicated. Empty: plain tables on one server.'),
  clickhouseTlsCa: text('', 'PEM file of the authorities that sign the certificate of an https address. Empty: those of the system.'),
  clickhouseTlsCertificate: text('', 'PEM file of a certificate by which the user logs in at an https address, instead of by a password.'),
  clickhouseTlsKey: text('', 'PEM file of its key.'),
  clickhouseAccess: choice(['readonly', 'full'], 'What user default may do at the embedded endpoint: read, or also write databases other than pointstream.'),
  clickhouseMemoryBytesMax: integer(700 * MiB, 128 * MiB, 2 ** 42, 'Memory of the embedded ClickHouse.'),
  sinkRowsMax: integer(100_000, 1, 1_000_000, 'Most facts of one insert.'),
  sinkBytesMax: integer(32 * MiB, 64 * 1024, 256 * MiB, 'Most bytes of one insert.'),
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settings;
type ValueOf<S> = S extends { type: 'integer' } ? number : S extends { type: 'choice'; choices: infer C extends readonly string[] } ? C[number] : string;
export type Config = { readonly [N in SettingName]: ValueOf<(typeof settings)[N]> };

/** Whether the setting `clickhouse` names a server. */
export const isServer = (clickhouse: string): boolean => !(settings.clickhouse.words as readonly string[]).includes(clickhouse);

/** Mistakes of whoever wrote the settings; exit code 2, no stack. */
export class ConfigError extends Error {
  readonly mistakes: readonly string[];
  constructor(mistakes: string | readonly string[], options?: ErrorOptions) {
    const each = typeof mistakes === 'string' ? [mistakes] : mistakes;
    super(each.length === 1 ? each[0] : [`${each.length} mistakes in the settings:`, ...each].join('\n').replaceAll('\n', '\n  '), options);
    this.mistakes = each;
  }
}
/** Collects them, so that all are said at once, and nobody has to start again for each. */
export class ConfigMistakes {
  private readonly said: string[] = [];

  /** Undefined when it was a mistake. */
  attempt<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.said.push(...error.mistakes);
      return undefined;
    }
  }
  refuse(): void {
    if (this.said.length > 0) throw new ConfigError(this.said);
  }
}

/** Settings that have no flag. */
const isSecret = (setting: Setting): boolean => setting.type === 'text' && setting.secret === true;
export const flagName = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
export const environmentName = (name: string): string => `POINTSTREAM_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
export const flagSettings = (): [SettingName, Setting][] => (Object.entries(settings) as [SettingName, Setting][]).filter(([, setting]) => !isSecret(setting));

function refuseUnknown(where: string, name: string, known: readonly string[]): never {
  const meant = nearestName(name, known);
  throw new ConfigError(`${where}: unknown setting ${name}${meant === undefined ? '' : `; did you mean ${meant}?`}`);
}

function readValue(where: string, setting: Setting, value: unknown): string | number {
  if (setting.type === 'integer') {
    const number = typeof value === 'number' ? value : typeof value === 'string' && /^-?\d+$/.test(value.trim()) ? Number(value) : NaN;
    if (!Number.isSafeInteger(number)) throw new ConfigError(`${where}: ${JSON.stringify(value)} is not an integer`);
    if (number < setting.min || number > setting.max) throw new ConfigError(`${where}: ${number} is not between ${setting.min} and ${setting.max}`);
    return number;
  }
  if (typeof value !== 'string') throw new ConfigError(isSecret(setting) ? `${where}: is not a text; put it between quotes` : `${where}: ${JSON.stringify(value)} is not a text`);
  if (setting.type === 'choice' && !setting.choices.includes(value)) {
    throw new ConfigError(`${where}: ${JSON.stringify(value)} is not one of ${setting.choices.join(', ')}`);
  }
  if (setting.type === 'text' && setting.pattern?.test(value) === false) throw new ConfigError(`${where}: ${JSON.stringify(value)} is not such a name`);
  return setting.type === 'url' && !setting.words.includes(value) ? readAddress(where, setting, value) : value;
}

/** Without what belongs into settings of its own. */
function readAddress(where: string, { words }: AddressSetting, value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(`${where}: ${JSON.stringify(value)} is neither ${words.join(' nor ')} nor an address such as http://127.0.0.1:8123`);
  }
  if (url.username !== '' || url.password !== '') throw new ConfigError(`${where}: user and password do not belong into an address; there are settings for them`);
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') throw new ConfigError(`${where}: the address ends after the port`);
  return url.origin;
}

export interface ConfigSources {
  /** Values by setting name, as the command line gave them. */
  flags?: Record<string, unknown>;
  environment?: Record<string, string | undefined>;
  /** Text of pointstream.yaml and what to call it in errors. */
  file?: { name: string; text: string };
  /** Of a command, instead of the settings' own. */
  defaults?: Partial<Config>;
}

/** Throws ConfigError, with all that is wrong. */
export const readConfig = (sources: ConfigSources): Config => readSettings(sources).config;
/** The same, with the settings that are not left to their default. */
export function readSettings({ flags = {}, environment = {}, file, defaults = {} }: ConfigSources): { config: Config; given: ReadonlySet<SettingName> } {
  const names = Object.keys(settings) as SettingName[], mistakes = new ConfigMistakes(), given = new Set<SettingName>(), unread = new Set<SettingName>();
  const values = Object.fromEntries(names.map((name) => [name, defaults[name] ?? settings[name].default])) as Values;
  const take = (where: string, name: SettingName, value: unknown): void => {
    given.add(name);
    unread.add(name);
    mistakes.attempt(() => {
      values[name] = readValue(where, settings[name], value);
      unread.delete(name);
    });
  };
  const isKnown = (name: string): name is SettingName => Object.hasOwn(settings, name);

  const document = file && mistakes.attempt(() => parseFile(file));
  // Of a file that is not read nobody knows what it sets.
  if (file && !document) for (const name of names) unread.add(name);
  for (const [name, value] of Object.entries(document ?? {})) {
    if (isKnown(name)) take(`${file!.name}: ${name}`, name, value);
    else mistakes.attempt(() => refuseUnknown(file!.name, name, names));
  }
  const byVariable = new Map(names.map((name) => [environmentName(name), name]));
  for (const [variable, value] of Object.entries(environment)) {
    if (value === undefined || !variable.startsWith('POINTSTREAM_') || isOfOthers(variable, value)) continue;
    const name = byVariable.get(variable);
    if (name !== undefined) take(variable, name, value);
    else mistakes.attempt(() => refuseUnknown('environment', variable, [...byVariable.keys()]));
  }
  for (const [name, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    if (isKnown(name)) take(`--${flagName(name)}`, name, value);
    else mistakes.attempt(() => refuseUnknown('command line', name, names));
  }
  for (const { of, check } of together) if (!of.some((name) => unread.has(name))) mistakes.attempt(() => check(values));
  mistakes.refuse();
  return { config: values as unknown as Config, given };
}

const roles = ['gateway', 'router', 'engine', 'sink'] as const;
export type Role = (typeof roles)[number];
export function rolesOf(config: Pick<Config, 'roles'>): ReadonlySet<Role> {
  return new Set(config.roles.split(',').map((role) => role.trim() as Role));
}

type Values = Record<SettingName, string | number>;
function refuse(isWrong: boolean, mistake: string): void {
  if (isWrong) throw new ConfigError(mistake);
}
/** What is read by another module, which says what is wrong. */
function readable(name: SettingName, read: () => unknown): void {
  try {
    read();
  } catch (error) {
    throw new ConfigError(`${name}: ${(error as Error).message}`);
  }
}
const goTogether = (one: SettingName, other: SettingName): Together => (
  { of: [one, other], check: (values) => refuse((values[one] === '') !== (values[other] === ''), `${one} and ${other} go together`) }
);
const ofServer = (name: SettingName): Together => ({ of: [name, 'clickhouse'], check: (values) => (
  refuse(!isServer(String(values.clickhouse)) && values[name] !== settings[name].default, `${name} is for a ClickHouse server, and clickhouse is ${values.clickhouse}`)
) });

/** What settings have to be besides of their type, and what several of them say together: looked at where each of them could be read, so that no mistake follows from another. */
interface Together { of: SettingName[]; check(values: Values): void }
const together: Together[] = [
  { of: ['data'], check: ({ data }) => refuse(data === '', 'data: is empty, and names no directory; choose one with --data') },
  { of: ['kafka'], check: ({ kafka }) => kafka === '' || readable('kafka', () => readBrokers(String(kafka))) },
  { of: ['routerTopics', 'kafkaPrefix'], check: ({ routerTopics, kafkaPrefix }) => readable('routerTopics', () => readRoutes(String(routerTopics), String(kafkaPrefix))) },
  { of: ['routerTopics', 'kafka'], check: ({ routerTopics, kafka }) => refuse(routerTopics !== '' && kafka === '', 'routerTopics are on Kafka, and kafka is empty') },
  // What Kafka allows in names of topics.
  { of: ['kafkaPrefix'], check: ({ kafkaPrefix }) => refuse(!/^[\w.-]{0,100}$/.test(String(kafkaPrefix)),
    `kafkaPrefix: ${JSON.stringify(kafkaPrefix)} has other characters than letters, digits, ".", "_" and "-", or more than 100`) },
  { of: ['kafkaSasl', 'kafkaUser'], check: ({ kafkaSasl, kafkaUser }) => refuse(kafkaSasl !== 'off' && kafkaUser === '', 'kafkaSasl is on, but kafkaUser is empty') },
  goTogether('kafkaTlsCertificate', 'kafkaTlsKey'),
  { of: ['roles', 'kafka', 'routerTopics'], check: refuseBadRoles },
  goTogether('clickhouseTlsCertificate', 'clickhouseTlsKey'),
  ofServer('clickhouseDatabase'), ofServer('clickhouseCluster'),
];

function refuseBadRoles({ roles: text, kafka, routerTopics }: Values): void {
  const wanted = [...rolesOf({ roles: String(text) })], wrong = wanted.find((role) => !roles.includes(role));
  refuse(wrong !== undefined, `roles: ${JSON.stringify(wrong)} is not one of ${roles.join(', ')}`);
  const missing = roles.filter((role) => role !== 'router' && !wanted.includes(role));
  refuse(kafka === '' && missing.length > 0, 'roles: a log in the data directory has one process for everything; several share a log on Kafka');
  refuse(wanted.every((role) => role === 'router') && routerTopics === '',
    'roles: a process that is a router only has nothing to do without routerTopics, which say whose topics are read (PARTNER=TOPIC,…)');
  refuse(wanted.includes('sink') && !wanted.includes('engine'), 'roles: the sink delivers what its engine decided, so sink needs engine');
}

function parseFile(file: { name: string; text: string }): Record<string, unknown> {
  let document: unknown;
  try {
    document = parseYaml(file.text);
  } catch (error) {
    throw new ConfigError(`${file.name}: ${(error as Error).message}`);
  }
  if (document === null) return {};
  if (typeof document !== 'object' || Array.isArray(document)) throw new ConfigError(`${file.name}: is not a list of "name: value"`);
  return document as Record<string, unknown>;
}

function rangeOf(setting: Setting): string {
  switch (setting.type) {
    case 'integer': return `${setting.min} to ${setting.max}`;
    case 'choice': return setting.choices.join(', ');
    case 'url': return `${setting.words.join(', ')}, address`;
    case 'text': return 'text';
  }
}

/** The table of docs/settings.md. */
export function settingsTable(): string {
  const rows = Object.entries(settings as Record<string, Setting>).map(([name, setting]) => {
    const range = rangeOf(setting);
    const flag = isSecret(setting) ? '(no flag)' : `\`--${flagName(name)}\``;
    return `| \`${name}\` | ${flag} | \`${environmentName(name)}\` | ${setting.default === '' ? '(empty)' : setting.default} | ${range} | ${setting.why} |`;
  });
  return ['| pointstream.yaml | flag | environment | default | bounds | why |', '|---|---|---|---|---|---|', ...rows, ''].join('\n');
}
