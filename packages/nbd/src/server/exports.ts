import { TransmissionFlag } from '../codec/constants.js';
import { encodeText } from '../codec/integers.js';
import { NbdError } from '../errors.js';
import type { NbdBackend, NbdExport, NbdExportDirectory } from './types.js';

const MAX_NAME_BYTES = 4096;

/** Throws `CONFIG` for an export that could not be served as it says. */
export function checkExport(served: NbdExport): void {
  const where = `export ${JSON.stringify(served.name)}`;
  if (encodeText(served.name).byteLength > MAX_NAME_BYTES) {
    throw new NbdError('CONFIG', `${where}: a name has at most ${MAX_NAME_BYTES} bytes`);
  }
  if (!Number.isSafeInteger(served.sizeBytes) || served.sizeBytes < 0) {
    throw new NbdError(
      'CONFIG',
      `${where}: sizeBytes must be a safe integer, got ${String(served.sizeBytes)}`,
    );
  }
  const minimum = served.minimumBlockBytes ?? 1;
  const preferred = served.preferredBlockBytes ?? Math.max(4096, minimum);
  if (!isPowerOfTwo(minimum) || minimum > 65536) {
    throw new NbdError(
      'CONFIG',
      `${where}: minimumBlockBytes must be a power of two up to 65536, got ${minimum}`,
    );
  }
  if (!isPowerOfTwo(preferred) || preferred < minimum || preferred < 512) {
    throw new NbdError(
      'CONFIG',
      `${where}: preferredBlockBytes must be a power of two of at least 512 and ${minimum}`,
    );
  }
}

/** Throws `CONFIG` when a feature is promised that the backend has no method for. */
export function checkBackend(served: NbdExport, backend: NbdBackend): void {
  for (const feature of ['flush', 'trim', 'writeZeroes', 'cache', 'blockStatus'] as const) {
    if (served.features[feature] === true && typeof backend[feature] !== 'function') {
      throw new NbdError(
        'CONFIG',
        `export ${JSON.stringify(served.name)} offers ${feature}, its backend has no such method`,
      );
    }
  }
}

/** A fixed list as a directory. */
export function exportDirectory(exports: readonly NbdExport[] | NbdExportDirectory): NbdExportDirectory {
  if (!isList(exports)) return exports;
  const byName = new Map<string, NbdExport>();
  for (const served of exports) {
    checkExport(served);
    if (byName.has(served.name))
      throw new NbdError('CONFIG', `two exports are named ${JSON.stringify(served.name)}`);
    byName.set(served.name, served);
  }
  return { find: (name) => byName.get(name), list: () => [...byName.values()] };
}

/** The flags that tell a client what an export can do. */
export function transmissionFlags(served: NbdExport, structured: boolean): number {
  const { features } = served;
  const writable = served.readOnly !== true;
  let flags: number = TransmissionFlag.hasFlags;
  if (!writable) flags |= TransmissionFlag.readOnly;
  if (features.flush) flags |= TransmissionFlag.sendFlush;
  if (features.fua) flags |= TransmissionFlag.sendFua;
  if (features.rotational === true) flags |= TransmissionFlag.rotational;
  if (features.trim && writable) flags |= TransmissionFlag.sendTrim;
  if (features.writeZeroes && writable) flags |= TransmissionFlag.sendWriteZeroes;
  if (features.fastZero === true && features.writeZeroes && writable) flags |= TransmissionFlag.sendFastZero;
  if (features.multiConn) flags |= TransmissionFlag.canMultiConn;
  if (features.cache === true) flags |= TransmissionFlag.sendCache;
  if (structured) flags |= TransmissionFlag.sendDf;
  return flags;
}

function isPowerOfTwo(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0 && (value & (value - 1)) === 0;
}

function isList(exports: readonly NbdExport[] | NbdExportDirectory): exports is readonly NbdExport[] {
  return Array.isArray(exports);
}
