import t from 'tap';
import { ConfigError, environmentName, flagName, readConfig, settings, settingsTable, type Setting } from './config.js';

t.test('flag over environment over file over default', async (t) => {
  const file = { name: 'pointstream.yaml', text: 'port: 1\nmetricsPort: 1\nhost: "::1"\n' };
  const environment = { POINTSTREAM_PORT: '2', POINTSTREAM_METRICS_PORT: '2', HOME: 'x' };
  const config = readConfig({ flags: { port: '3', clickhousePort: undefined }, environment, file });
  t.match(config, { port: 3, metricsPort: 2, host: '::1', clickhousePort: settings.clickhousePort.default });
  const defaults = { logLevel: 'warn', port: 4 } as const;
  t.match(readConfig({ file: { name: 'f', text: 'port: 5' }, defaults }), { port: 5, logLevel: 'warn', host: settings.host.default }, "a command's own defaults are defaults");
  t.equal(readConfig({}).bodyBytesMax, 64 * 2 ** 20);
  t.equal(readConfig({ file: { name: 'f', text: '' } }).port, 8080, 'an empty file is fine');
});

t.test('what is unknown is refused with the nearest name', async (t) => {
  const refused = (sources: Parameters<typeof readConfig>[0], message: RegExp): void => void t.throws(() => readConfig(sources), { message, constructor: ConfigError });
  refused({ file: { name: 'p.yaml', text: 'prot: 1' } }, /p\.yaml: unknown setting prot; did you mean port\?/);
  refused({ environment: { POINTSTREAM_PROT: '1' } }, /unknown setting POINTSTREAM_PROT; did you mean POINTSTREAM_PORT\?/);
  refused({ flags: { somethingElse: 1 } }, /unknown setting somethingElse$/);
  refused({ file: { name: 'p.yaml', text: '[1]' } }, /p\.yaml: is not a list/);
  refused({ file: { name: 'p.yaml', text: 'a: [' } }, /^p\.yaml: /);
  t.doesNotThrow(() => readConfig({ environment: { POINTSTREAM_URL: 'x', POINTSTREAM_SERVICE_HOST: '10.0.0.1', POINTSTREAM_PORT_8080_TCP: 'tcp://10.0.0.1:8080' } }), 'what others set is left alone');
  const ofServices = { POINTSTREAM_PORT: 'tcp://10.0.0.1:8080', POINTSTREAM_CLICKHOUSE_PORT: 'tcp://10.0.0.2:8123', POINTSTREAM_KAFKA_SERVICE_PORT_CLIENT: '9092', POINTSTREAM_KAFKA_PORT: 'tcp://10.0.0.3:9092' };
  t.match(readConfig({ environment: ofServices, file: { name: 'f', text: 'port: 1' } }), { port: 1, clickhousePort: 8123 }, 'also where Kubernetes sets it under the name of a setting');
  refused({ environment: { POINTSTREAM_PORT: 'http://10.0.0.1:8080' } }, /is not an integer/);
});

t.test('all mistakes are said at once, whichever source they stand in', async (t) => {
  const saidOf = (sources: Parameters<typeof readConfig>[0]): string => {
    try {
      readConfig(sources);
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
      throw error;
    }
    return '';
  };
  t.equal(saidOf({
    file: { name: 'p.yaml', text: 'prot: 1\nhost: 5\nkafkaSasl: plain\ntoString: 1\n' }, environment: { POINTSTREAM_PROT: '1', POINTSTREAM_METRICS_PORT: 'x' }, flags: { logLevel: 'loud', port: '70000' },
  }), [
    '8 mistakes in the settings:', 'p.yaml: unknown setting prot; did you mean port?', 'p.yaml: host: 5 is not a text', 'p.yaml: unknown setting toString',
    'environment: unknown setting POINTSTREAM_PROT; did you mean POINTSTREAM_PORT?', 'POINTSTREAM_METRICS_PORT: "x" is not an integer', '--log-level: "loud" is not one of info, trace, debug, warn, error, fatal',
    '--port: 70000 is not between 0 and 65535', 'kafkaSasl is on, but kafkaUser is empty',
  ].join('\n  '));
  t.equal(saidOf({ flags: { clickhouse: 'server', clickhouseCluster: 'main' } }), '--clickhouse: "server" is neither embedded nor off nor an address such as http://127.0.0.1:8123', 'nothing follows from a mistake');
  t.match(saidOf({ file: { name: 'p.yaml', text: 'a: [' }, flags: { port: 'x', kafkaSasl: 'plain' } }), /^2 mistakes in the settings:\n  p\.yaml: [^]*\n  --port: "x" is not an integer$/);
});

t.test('types and bounds', async (t) => {
  const refused = (flags: Record<string, unknown>, message: RegExp): void => void t.throws(() => readConfig({ flags }), { message });
  refused({ port: '80.5' }, /--port: "80\.5" is not an integer/);
  refused({ port: 70_000 }, /--port: 70000 is not between 0 and 65535/);
  refused({ logLevel: 'loud' }, /--log-level: "loud" is not one of/);
  refused({ host: 5 }, /--host: 5 is not a text/);
  t.throws(() => readConfig({ file: { name: 'p.yaml', text: 'kafkaPassword: 12345678' } }), { message: 'p.yaml: kafkaPassword: is not a text; put it between quotes' }, 'a password is not shown');
  refused({ clickhouse: 'server' }, /--clickhouse: "server" is neither embedded nor off nor an address such as http/);
  refused({ clickhouse: 'ftp://host' }, /nor an address/);
  refused({ clickhouse: 'http://user:secret@host' }, /^--clickhouse: user and password do not belong into an address[^@]*$/);
  refused({ clickhouse: 'http://host:8123/database' }, /ends after the port/);
  refused({ clickhouse: 'http://host', clickhouseDatabase: 'a.b' }, /"a\.b" is not such a name/);
  refused({ clickhouseCluster: 'main' }, /clickhouseCluster is for a ClickHouse server, and clickhouse is embedded/);
  const kafka = { kafka: 'k:9092' };
  for (const wrong of ['k', 'k:', 'k:x', 'k:9092,k:65536', 'k:9092/']) refused({ kafka: wrong }, /^kafka: ".*" is not HOST:PORT$/);
  refused({ routerTopics: 'grocer=sales' }, /^routerTopics are on Kafka, and kafka is empty$/);
  refused({ ...kafka, routerTopics: 'grocer' }, /^routerTopics: "grocer" is not PARTNER=TOPIC$/);
  refused({ roles: 'gateway,engine' }, /^roles: a log in the data directory has one process for everything/);
  t.match(readConfig({ flags: { roles: 'gateway,engine,sink' } }), { roles: 'gateway,engine,sink' }, 'a log in the data directory has nothing to be routed');
  refused({ ...kafka, roles: 'router' }, /^roles: a process that is a router only has nothing to do without routerTopics/);
  t.match(readConfig({ flags: { ...kafka, roles: 'router,engine' } }), { roles: 'router,engine' }, 'the engine has');
  t.match(readConfig({ flags: { ...kafka, roles: 'router', routerTopics: 'grocer=sales, grocer=returns' } }), { roles: 'router' });
  t.match(readConfig({ flags: { clickhouse: 'https://host:8443/', clickhouseCluster: 'main' } }), { clickhouse: 'https://host:8443', clickhouseCluster: 'main' });
  for (const [name, setting] of Object.entries(settings as Record<string, Setting>)) {
    if (setting.type !== 'integer') continue;
    t.ok(setting.default >= setting.min && setting.default <= setting.max, `default of ${name} is within its bounds`);
  }
});

t.test('names and the table of documentation', async (t) => {
  t.equal(flagName('bodyBytesMax'), 'body-bytes-max');
  t.equal(environmentName('bodyBytesMax'), 'POINTSTREAM_BODY_BYTES_MAX');
  for (const name of Object.keys(settings)) t.ok(settingsTable().includes(`| \`${name}\` |`), name);
  t.notMatch(settingsTable(), /--admin-key/, 'secrets have no flag');
});
