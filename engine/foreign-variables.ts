/** Variables of the environment that have our prefix and are not settings. */

/** The client's (commands/client.ts) and the tests'. */
const others = /^POINTSTREAM_(URL|KEY|CONFIG|REQUIRE|TEST_CLICKHOUSE_URL)$/;
/** Kubernetes makes these for services called pointstream, pointstream-kafka and so on, in every container beside them. */
const ofService = /^POINTSTREAM_(\w+_)?(SERVICE_(HOST|PORT.*)|PORT_\d+_.*)$/;

/** Of a service's port it also makes what is called like a setting: POINTSTREAM_PORT=tcp://10.0.0.1:8080. */
export const isOfOthers = (variable: string, value: string): boolean => (
  others.test(variable) || ofService.test(variable) || (variable.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value))
);
