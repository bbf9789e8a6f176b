import { HoldfastError } from '@holdfast/core';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { configTemplate } from '../config/template.js';
import { exitCodes } from './exit-codes.js';
import type { Terminal } from './terminal.js';

/** `holdfast init`: writes a configuration to begin with. Never writes over one. */
export async function init(folder: string, terminal: Terminal): Promise<number> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'holdfast.yaml');
  try {
    await writeFile(file, configTemplate, { flag: 'wx' });
  } catch (error) {
    throw new HoldfastError(
      'REFUSED',
      `${file} cannot be written (${error instanceof Error ? error.message : String(error)}). Choose another folder, or move the old file away.`,
      { cause: error },
    );
  }
  const shown = relative('.', file) || file;
  const named = shown === 'holdfast.yaml' ? '' : ` -c ${shown}`;
  terminal.out(`Wrote ${shown}: one volume of 256 MiB on two nodes, everything on this machine.

Next, each in a terminal of its own:
  holdfast witness${named}
  holdfast node north${named}
  holdfast node south${named}
  holdfast initiator${named}

Then look, and use it:
  holdfast status${named}
  holdfast why${named}
  nbdinfo 'nbd+unix:///vol0?socket=run/volume.nbd.sock'   (from the folder of the file; any NBD client will do)`);
  return exitCodes.ok;
}
