/**
 * The log of the process: one JSON object a line on stderr (stdout is for data), levels by pino's names. Keys, authorization headers and bodies never get
 * into it.
 */
import { pino, type Logger } from 'pino';

export type { Logger };

export function createLogger(level: string, destination: NodeJS.WritableStream = process.stderr): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: ['headers.authorization', 'req.headers.authorization', '*.key', '*.password'],
  }, destination);
}
