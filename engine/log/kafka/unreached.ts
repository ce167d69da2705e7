/**
 * Why a broker does not talk to us, in words for whoever made the settings: what it says itself, or what its silence means, and which setting may be wrong. Never has a secret in it.
 */
import type { KafkaConnection } from './connection.js';

/** Thrown for what may go better the next time. */
export class Transient extends Error {}

/** No answer came. `patienceMs`: how long it makes sense to wait for one from a cluster that has never answered; one that did may be away for a moment, whatever it seems. */
export class Unreached extends Transient {
  constructor(message: string, readonly patienceMs: number, options?: ErrorOptions) {
    super(message, options);
  }
}

/** It may be starting. */
const AWAY_MS = 30_000;
/** It was there and hung up. What stands before a broker that starts does so too. */
const HUNG_UP_MS = 10_000;
/** It will say the same again. */
const REFUSED_MS = 0;

/** What was seen of a connection. `troubles`: errors that it told besides those that were thrown. */
export interface Seen { address: string; troubles: unknown[]; /** Bytes came that are TLS, and none was asked for. */ alerted: boolean }

/** Undefined when the error is an answer. */
export function unreached(error: unknown, { address, troubles, alerted }: Seen, { tls, sasl }: KafkaConnection): Unreached | undefined {
  if (!isSilence(error)) return undefined;
  const told = [error, ...troubles].flatMap(chain), code = (pattern: RegExp): boolean => told.some((each) => pattern.test(each.code ?? ''));
  const because = (reason: string, patienceMs: number): Unreached => new Unreached(`${address}: ${reason}`, patienceMs, { cause: error });
  const said = told.at(-1)!.serverErrorMessage ?? told.at(-1)!.message;

  if (alerted) return because('this port wants TLS: kafkaTls=on', REFUSED_MS);
  if (told.some(({ apiId }) => apiId === 'ILLEGAL_SASL_STATE')) return because('this port wants no password: is it the right one, or should kafkaSasl be off?', REFUSED_MS);
  if (told.some(({ apiId }) => apiId === 'UNSUPPORTED_SASL_MECHANISM')) return because(`the broker does not know kafkaSasl=${sasl?.mechanism.toLowerCase()} here`, REFUSED_MS);
  if (told.some(({ apiId }) => apiId === 'SASL_AUTHENTICATION_FAILED')) return because(`${said}: are kafkaUser, kafkaPassword and kafkaSasl right?`, REFUSED_MS);
  if (code(/ALTNAME/)) return because(`${said}: the certificate must name the address under which kafka, or the broker's advertised.listeners, has it`, REFUSED_MS);
  if (code(/^(?!ERR_).*(CERT|SIGN|ISSUER|INVALID_CA)/)) return because(`its certificate is not trusted (${said}): does kafkaTlsCa name the authority that signed it?`, REFUSED_MS);
  if (code(/^ERR_SSL_.*(CERT|UNKNOWN_CA)/)) {
    const hint = tls?.certificateFile ? 'does it trust who signed kafkaTlsCertificate?' : 'it wants one: kafkaTlsCertificate and kafkaTlsKey';
    return because(`the broker does not take our certificate; ${hint}`, REFUSED_MS);
  }
  if (code(/^ERR_SSL_/)) return because(`TLS fails (${said}): does this port speak it, or should kafkaTls be off?`, REFUSED_MS);
  if (tls && told.some(({ message }) => message.includes('secure TLS connection'))) return because('it hangs up when TLS begins: does this port speak it, or should kafkaTls be off?', HUNG_UP_MS);
  if (said.startsWith('Connection closed')) {
    const wants = [...(tls ? [] : ['TLS (kafkaTls)']), ...(sasl ? [] : ['a password (kafkaSasl)']), ...(tls && !tls.certificateFile ? ['a certificate (kafkaTlsCertificate)'] : [])];
    return because(`it hangs up without a word${wants.length > 0 ? `: does this port want ${wants.join(', or ')}?` : ''}`, HUNG_UP_MS);
  }
  return because(said, AWAY_MS);
}

interface Told { code?: string; apiId?: string; serverErrorMessage?: string | null; message: string }
/** An error, what caused it, and what an answer lists, outermost first. */
function chain(error: unknown): Told[] {
  const { cause, errors = [] } = error as { cause?: unknown; errors?: unknown[] };
  return [error as Told, ...(cause === undefined ? [] : chain(cause)), ...errors.flatMap(chain)];
}

function isSilence(error: unknown): boolean {
  const { code = '' } = error as { code?: string };
  return code === 'PLT_KFK_NETWORK' || code === 'PLT_KFK_TIMEOUT' || /^E(CONN|PIPE|HOST|NET|TIMEDOUT)/.test(code);
}
