/* Writes the package of a new adapter: `npx tsx tools/create-adapter/main.ts NAME --ports block-device,store --out FOLDER`. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { adapterFiles } from './generate.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { ports: { type: 'string', default: 'block-device' }, out: { type: 'string' } },
});
try {
  const name = positionals[0] ?? '';
  const folder = values.out ?? `adapter-${name}`;
  const files = adapterFiles({ name, ports: values.ports.split(',') });
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new TypeError(`${folder} is not empty. Nothing was written; name another folder with --out.`);
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
    console.log(join(folder, path));
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
