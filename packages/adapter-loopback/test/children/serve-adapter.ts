// Opens a leg or a store and does what its parent says over the channel, until it is killed.
import { type BlockDevice, HoldfastError, type Store } from '@holdfast/core';
import { openDirectoryStore, openFileDevice } from '../../src/index.js';

interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

const [kind, path = ''] = process.argv.slice(2);
const adapter: BlockDevice | Store =
  kind === 'store' ? await openDirectoryStore(path) : await openFileDevice(path);
const { name } = adapter;
const sizeBytes = 'sizeBytes' in adapter ? adapter.sizeBytes : 0;

async function answer({ method, args }: Call): Promise<unknown> {
  if (method === 'dispose') return adapter[Symbol.asyncDispose]();
  const call = Reflect.get(adapter, method) as (...all: unknown[]) => Promise<unknown>;
  const result = await call.apply(adapter, [...args]);
  if (typeof result !== 'object' || result === null || !('release' in result)) return result;
  const buffer = result as { readonly bytes: Uint8Array; release(): void };
  const bytes = buffer.bytes.slice();
  buffer.release();
  return bytes;
}

process.on('message', (call: Call) => {
  answer(call).then(
    (result) => process.send?.({ id: call.id, result }),
    (error: unknown) => {
      const code = HoldfastError.is(error) ? error.code : 'IO_FAILED';
      process.send?.({ id: call.id, code, message: String(error) });
    },
  );
});
// Without its parent it has nothing to do.
process.on('disconnect', () => process.exit());
process.send?.({ id: 0, result: { name, sizeBytes } });
