import { Dice } from '@holdfast/testkit';

/** What a program asked of its files, in order. A sync counts when it has been answered, everything else when it is asked for. */
export type FileStep =
  | { readonly kind: 'created'; readonly name: string; readonly file: number }
  | { readonly kind: 'written'; readonly file: number; readonly bytes: Uint8Array }
  | { readonly kind: 'synced'; readonly file: number }
  | { readonly kind: 'renamed'; readonly name: string; readonly to: string }
  | { readonly kind: 'removed'; readonly name: string }
  | { readonly kind: 'folder-synced' };

/** A folder as a loss of power may leave it: the content of each name. */
export interface FolderImage {
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** So many steps had been taken. */
  readonly steps: number;
}

type NameStep = Extract<FileStep, { kind: 'created' | 'renamed' | 'removed' }>;

const sectorBytes = 512;

/**
 * Every folder that a loss of power may leave. The names: what a sync of the folder covered, and of the changes after it every subset.
 * The bytes of a file that was not synced: all, none, as many zeros, or torn at every 512 bytes, cut there or with zeros behind it.
 */
export function* folderImages(steps: readonly FileStep[]): Generator<FolderImage> {
  const dice = new Dice(1);
  for (let taken = 0; taken <= steps.length; taken += 1) {
    const past = steps.slice(0, taken);
    const lastSync = past.findLastIndex(({ kind }) => kind === 'folder-synced');
    const certain = past.slice(0, lastSync + 1).filter(isNameStep);
    const doubtful = past.slice(lastSync + 1).filter(isNameStep);
    for (let subset = 0; subset < 2 ** Math.min(doubtful.length, 6); subset += 1) {
      const kept = doubtful.filter((_, at) => (at < 6 ? (subset >> at) % 2 === 1 : dice.oneIn(2)));
      const names = namesAfter([...certain, ...kept], past);
      const open = [...new Set(names.values())].filter((file) => !isSynced(past, file));
      // One file at a time is written: of the others everything is synced.
      for (const content of open.length === 0 ? [undefined] : contentsOf(bytesOf(past, open[0] ?? 0))) {
        const files = new Map<string, Uint8Array>();
        for (const [name, file] of names)
          files.set(name, file === open[0] && content !== undefined ? content : bytesOf(past, file));
        yield { files, steps: taken };
      }
    }
  }
}

function isNameStep(step: FileStep): step is NameStep {
  return step.kind === 'created' || step.kind === 'renamed' || step.kind === 'removed';
}

/** A rename that survives carries its file along, also when the creation before it is lost. */
function namesAfter(kept: readonly NameStep[], past: readonly FileStep[]): Map<string, number> {
  const fileOf = new Map<string, number>();
  for (const step of past) if (step.kind === 'created') fileOf.set(step.name, step.file);
  const names = new Map<string, number>();
  for (const step of kept) {
    if (step.kind === 'created') names.set(step.name, step.file);
    else names.delete(step.name);
    const moved = step.kind === 'renamed' ? fileOf.get(step.name) : undefined;
    if (step.kind === 'renamed' && moved !== undefined) names.set(step.to, moved);
  }
  return names;
}

function bytesOf(past: readonly FileStep[], file: number): Uint8Array {
  const written = past.findLast((step) => step.kind === 'written' && step.file === file);
  return written?.kind === 'written' ? written.bytes : new Uint8Array(0);
}

function isSynced(past: readonly FileStep[], file: number): boolean {
  const written = past.findLastIndex((step) => step.kind === 'written' && step.file === file);
  return past.some((step, at) => step.kind === 'synced' && step.file === file && at > written);
}

function* contentsOf(bytes: Uint8Array): Generator<Uint8Array> {
  yield bytes;
  yield new Uint8Array(0);
  if (bytes.length > 0) yield new Uint8Array(bytes.length);
  for (let at = sectorBytes; at < bytes.length; at += sectorBytes) {
    yield bytes.slice(0, at);
    const front = new Uint8Array(bytes.length);
    front.set(bytes.subarray(0, at));
    yield front;
    const back = new Uint8Array(bytes.length);
    back.set(bytes.subarray(at), at);
    yield back;
  }
}
