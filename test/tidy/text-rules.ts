/** What no text of the project may name: places that exist on one machine only. */
import type { Finding } from './finding.js';

const machinePath = /(?<![\w.:/-])\/(home|Users|root|work)\/[\w.-]+/;

export function machinePaths(texts: { path: string; text: string }[]): Finding[] {
  return texts.flatMap(({ path, text }) => text.split('\n').flatMap((content, index) => {
    const found = machinePath.exec(content);
    return found ? [{ path, line: index + 1, what: `names ${found[0]}`, instead: 'use a path relative to the project, or a temporary directory of the system' }] : [];
  }));
}
