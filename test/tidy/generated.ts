/**
 * Files of the project that are made from code: where each lies and what makes it. `npm run generate` writes them; generated.test.ts fails when one is not current.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { dashboard } from '../../grafana/dashboard.js';
import { settingsTable } from '../../engine/config.js';
import { metricsMarkdown } from '../../engine/metrics.js';
import { asyncapiDocument } from '../../schemas/asyncapi.js';
import { reasons } from '../../schemas/reasons.js';
import { projectRoot, readProjectFile } from './project.js';

export const generatedFiles: { path: string; make: () => string }[] = [
  { path: 'docs/reasons.md', make: reasonsMarkdown },
  { path: 'docs/metrics.md', make: () => `# Metrics\n\nMade from engine/metrics.ts by \`npm run generate\`. Prometheus reads them from the metrics port, at /metrics.\n\n${metricsMarkdown()}` },
  { path: 'docs/decisions/README.md', make: decisionsMarkdown },
  { path: 'docs/settings.md', make: settingsMarkdown },
  { path: 'schemas/asyncapi.yaml', make: asyncapiYaml },
  { path: 'grafana/dashboards/pointstream.json', make: () => `${JSON.stringify(dashboard(), null, 2)}\n` },
];

function asyncapiYaml(): string {
  const head = '# The doors on Kafka. Made from schemas/asyncapi.ts by `npm run generate`.\n';
  return head + stringify(asyncapiDocument(), { aliasDuplicateObjects: false, lineWidth: 0 });
}

function reasonsMarkdown(): string {
  const rows = Object.entries(reasons).map(([code, { status, review, text, hint }]) => `| \`${code}\` | ${status} | ${review ? 'yes' : 'batches only'} | ${text} | ${hint} |`);
  return [
    '# Reasons', '',
    'Made from schemas/reasons.ts by `npm run generate`. Every reason with which an input can be refused; codes are stable. *Status* is that of a single POST; *kept* says',
    'whether the input can be looked up under `/v1/rejected` also when it was posted alone.', '',
    '| reason | status | kept | what it means | what to do |', '|---|---|---|---|---|', ...rows, '',
  ].join('\n');
}

function settingsMarkdown(): string {
  return [
    '# Settings', '',
    'Made from engine/config.ts by `npm run generate`. A flag goes before the environment, that before pointstream.yaml, that before the default. Bytes, milliseconds and',
    'counts are plain integers.', '',
    settingsTable(),
  ].join('\n');
}

function decisionsMarkdown(): string {
  const files = readdirSync(join(projectRoot, 'docs/decisions')).filter((name) => /^\d{3}-.*\.md$/.test(name)).sort();
  const rows = files.map((name) => `- [${/^# (.*)$/m.exec(readProjectFile(`docs/decisions/${name}`))?.[1] ?? name}](${name})`);
  return [
    '# Decisions', '',
    'Half a page each, in a file NNN-title.md; this list is made by `npm run generate`. A decision is not rewritten when it is overturned: a new one says so, and the old one',
    'gets a line that leads to it. The form:', '',
    '```markdown', '# NNN Title', '', '**Question.** What had to be decided, and what depends on it.', '', '**Choice.** What we do.', '',
    '**Rejected.** What else was looked at, and why not.', '', '**Measured.** The numbers, on what, and how to get them again.', '```', '',
    ...rows, '',
  ].join('\n');
}
