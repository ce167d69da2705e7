/**
 * Fetches the Kafka broker of the tests (test/kafka/pom.xml, an ordinary Maven artifact) into the cache of this user; .ci/run calls it, and so does whoever wants the tests on Kafka.
 * Needs mvn and java. Does nothing when it is there.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cacheDirectory } from './kafka-client.mjs';

const pom = fileURLToPath(new URL('../test/kafka/pom.xml', import.meta.url));

/** Where the jars are, or would be. */
export function brokerDirectory() {
  return cacheDirectory(`kafka-broker-${createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12)}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !existsSync(brokerDirectory())) {
  const target = brokerDirectory(), fresh = `${target}.${process.pid}`;
  console.error('Fetching the Kafka broker …');
  const { status, error } = spawnSync('mvn', ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${fresh}`], { stdio: ['ignore', 2, 2] });
  if (status === 0) renameSync(fresh, target);
  else {
    rmSync(fresh, { recursive: true, force: true });
    console.error(`The Kafka broker could not be fetched${error ? `: ${error.message}` : ''}.`);
    process.exitCode = 1;
  }
}
