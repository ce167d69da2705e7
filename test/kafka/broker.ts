/**
 * A real Kafka broker for tests (loadtest/kafka-broker.ts), ended with the test.
 *
 * Tests that need it skip with a reason where it, java or the native client is missing; POINTSTREAM_REQUIRE=kafka makes that a failure.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { brokerDirectory, KafkaBroker, type Additions } from '../../loadtest/kafka-broker.js';

export { freePorts } from '../../loadtest/kafka-broker.js';
export type Broker = KafkaBroker;

/** Little memory and no second compiler: a broker for tests starts in two thirds of the time, on half the CPU. */
const JAVA_OPTIONS = ['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];

/** Why tests on Kafka are skipped here, or false. */
export const kafkaMissing = ((): string | false => {
  try {
    createRequire(import.meta.url)('@confluentinc/kafka-javascript');
  } catch {
    return 'kafka: the native client is not installed here (pointstream doctor says how)';
  }
  if (!existsSync(brokerDirectory())) return 'kafka: no broker here (node scripts/kafka-broker.mjs fetches one)';
  return spawnSync('java', ['-version'], { stdio: 'ignore' }).status === 0 ? false : 'kafka: java is not installed here';
})();

export const Broker = {
  /** Ready when it resolves; ends with the test. */
  async start(t: { teardown(end: () => Promise<void>): void }, settings: Record<string, string | number> = {}, additions: Additions = {}): Promise<KafkaBroker> {
    const broker = await KafkaBroker.launch(settings, JAVA_OPTIONS, additions);
    t.teardown(() => broker.end());
    return broker;
  },
};
