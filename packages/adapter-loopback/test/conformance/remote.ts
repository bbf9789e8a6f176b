import { type BlockDevice, HoldfastError, type HoldfastErrorCode, type Store } from '@holdfast/core';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { childPath } from '../children/run.js';

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly code?: HoldfastErrorCode;
  readonly message?: string;
}

/** A leg or a store in a process of its own, so that it can be killed. */
export interface Remote<Adapter> {
  readonly adapter: Adapter;
  /** SIGKILL, and gone when it returns. Calls under way never answer. */
  readonly kill: () => Promise<void>;
}

type Ask = (method: string, ...args: readonly unknown[]) => Promise<unknown>;

async function start(
  kind: 'device' | 'store',
  path: string,
): Promise<{ ask: Ask; first: unknown; readonly kill: () => Promise<void> }> {
  const child = fork(childPath('serve-adapter'), [kind, path], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    execArgv: ['--import', 'tsx'],
    serialization: 'advanced',
  });
  const gone = once(child, 'exit');
  const waiting = new Map<number, (answer: Answer) => void>();
  child.on('message', (answer) => {
    const { id } = answer as Answer;
    waiting.get(id)?.(answer as Answer);
    waiting.delete(id);
  });
  const reply = async (id: number): Promise<unknown> => {
    const answer = await new Promise<Answer>((resolve) => waiting.set(id, resolve));
    if (answer.code !== undefined) throw new HoldfastError(answer.code, answer.message ?? '');
    return answer.result;
  };
  let count = 0;
  const ask: Ask = async (method, ...args) => {
    // Whoever was killed has nothing left to close.
    if (method === 'dispose' && !child.connected) return undefined;
    const id = (count += 1);
    const answered = reply(id);
    if (child.connected) child.send({ id, method, args });
    return answered;
  };
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await gone;
  };
  const died = gone.then(() =>
    Promise.reject(new Error(`The process of the ${kind} at ${path} has ended early.`)),
  );
  died.catch(() => undefined);
  return { ask, first: await Promise.race([reply(0), died]), kill };
}

export async function remoteDevice(path: string): Promise<Remote<BlockDevice>> {
  const { ask, first, kill } = await start('device', path);
  const { name, sizeBytes } = first as { readonly name: string; readonly sizeBytes: number };
  const adapter: BlockDevice = {
    name,
    sizeBytes,
    read: async (...range) => ({
      bytes: (await ask('read', ...range)) as Uint8Array,
      release: () => undefined,
    }),
    write: async (...all) => {
      await ask('write', ...all);
    },
    writeZeroes: async (...all) => {
      await ask('writeZeroes', ...all);
    },
    flush: async () => {
      await ask('flush');
    },
    [Symbol.asyncDispose]: async () => {
      await ask('dispose');
    },
  };
  return { adapter, kill };
}

export async function remoteStore(path: string): Promise<Remote<Store>> {
  const { ask, first, kill } = await start('store', path);
  const { name } = first as { readonly name: string };
  const adapter: Store = {
    name,
    load: async (key) => (await ask('load', key)) as Uint8Array | undefined,
    save: async (key, value) => {
      await ask('save', key, value);
    },
    delete: async (key) => {
      await ask('delete', key);
    },
    keys: async () => (await ask('keys')) as readonly string[],
    [Symbol.asyncDispose]: async () => {
      await ask('dispose');
    },
  };
  return { adapter, kill };
}
