/** `npm run generate`: writes the files that are made from code. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generatedFiles } from './generated.js';
import { projectRoot } from './project.js';

for (const { path, make } of generatedFiles) {
  mkdirSync(dirname(join(projectRoot, path)), { recursive: true });
  writeFileSync(join(projectRoot, path), make());
  console.error(`wrote ${path}`);
}
