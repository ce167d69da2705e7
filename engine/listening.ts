/** An address that cannot be listened on: a mistake of the settings, so what is said names the setting that mends it. */
import { ConfigError, flagName } from './config.js';

type PortName = 'port' | 'clickhousePort' | 'metricsPort' | 'peerPort';

/** What the operating system says of the port, and what it says of the host. */
const ofPort = new Set(['EADDRINUSE', 'EACCES']), ofHost = new Set(['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN']);

/** Throws ConfigError when the door that is being opened cannot have its address, and any other error as it is. */
export async function listening<T>(name: PortName, host: 'host' | 'peerHost', opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (ofPort.has(code)) throw new ConfigError(`${name}: ${message}: an engine may run there; else choose another port with --${flagName(name)}, 0 picks a free one`);
    if (ofHost.has(code)) throw new ConfigError(`${host}: ${message}: choose an address of this machine with --${flagName(host)}`);
    throw error;
  }
}
