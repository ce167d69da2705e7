/** What is made from code is current. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { generatedFiles } from './generated.js';
import { projectRoot, readProjectFile } from './project.js';

for (const { path, make } of generatedFiles) {
  if (!existsSync(join(projectRoot, path))) t.fail(`${path} is missing: run npm run generate`);
  else t.ok(readProjectFile(path) === make(), `${path} is current (else: npm run generate)`);
}
