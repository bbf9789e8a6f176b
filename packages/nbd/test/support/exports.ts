import { memoryBackend, memoryExport } from '../../src/memory-export.js';
import type { NbdBackend, NbdExport } from '../../src/server/types.js';

/** A memory export whose backend behaves differently in the methods given. */
export function exported(backend: Partial<NbdBackend>, more: Partial<NbdExport> = {}): NbdExport {
  const disk = memoryExport({ name: 'disk', sizeBytes: more.sizeBytes ?? 8 * 1024 * 1024 });
  return { ...disk, open: () => ({ ...memoryBackend(disk.bytes), ...backend }), ...more };
}
