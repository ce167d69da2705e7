/** What a check found, where, and what to do instead. */
export interface Finding { path: string; line: number; what: string; instead: string }

export function format({ path, line, what, instead }: Finding): string {
  return `${path}:${line}: ${what}; ${instead}`;
}

export function longestPrefix(prefixes: string[], path: string): string {
  return prefixes.filter((prefix) => path.startsWith(prefix)).sort((a, b) => b.length - a.length)[0] ?? '';
}
