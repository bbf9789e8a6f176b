import { Command, CommandFlag } from '../codec/constants.js';
import type { BudgetAccount } from './budget.js';
import type { BufferPool } from '../output/slabs.js';
import type { NbdBackend, NbdReadBuffer, NbdWriteOptions } from './types.js';
import { BackendCall, type CallOwner, isPromiseLike, type Work } from './work.js';

const PLAIN: NbdWriteOptions = Object.freeze({ fua: false });
const FUA: NbdWriteOptions = Object.freeze({ fua: true });

/** A session's backend and the calls it has not answered. Calls and requests are recycled. */
export class BackendCalls {
  readonly #backend: NbdBackend;
  readonly #owner: CallOwner;
  readonly #account: BudgetAccount;
  readonly #pool: BufferPool;
  readonly #unpinned: (chunk: Uint8Array) => void;
  readonly #idle: BackendCall[] = [];
  #outstanding = 0;

  /** @param unpinned - hears of a received chunk from which no call writes any more. */
  constructor(
    backend: NbdBackend,
    owner: CallOwner,
    account: BudgetAccount,
    pool: BufferPool,
    unpinned: (chunk: Uint8Array) => void,
  ) {
    this.#backend = backend;
    this.#owner = owner;
    this.#account = account;
    this.#pool = pool;
    this.#unpinned = unpinned;
  }

  get outstanding(): number {
    return this.#outstanding;
  }

  take(work: Work): BackendCall {
    const call = this.#idle.pop() ?? new BackendCall(this.#owner, work);
    call.work = work;
    work.calls += 1;
    this.#outstanding += 1;
    return call;
  }

  /** The call has answered; what it holds besides a read buffer is given back. */
  put(call: BackendCall): void {
    this.#outstanding -= 1;
    call.work.calls -= 1;
    const { pin, pooled } = call;
    if (pin !== undefined) {
      pin.users -= 1;
      if (pin.users === 0) {
        this.#account.give(pin.chunk.buffer.byteLength);
        this.#unpinned(pin.chunk);
      }
      call.pin = undefined;
    }
    if (pooled !== undefined) {
      this.#pool.put(pooled);
      call.pooled = undefined;
    }
    if (call.chargedBytes > 0) {
      this.#account.give(call.chargedBytes);
      call.chargedBytes = 0;
    }
    call.slice = undefined;
    this.#idle.push(call);
  }

  read(call: BackendCall, offsetBytes: number, lengthBytes: number): void {
    call.lengthBytes = lengthBytes;
    let result: NbdReadBuffer | Promise<NbdReadBuffer>;
    try {
      result = this.#backend.read(offsetBytes, lengthBytes);
    } catch (error) {
      call.failed(error);
      return;
    }
    settle(call, result);
  }

  write(call: BackendCall, offsetBytes: number, data: Uint8Array): void {
    let result: void | Promise<void>;
    try {
      result = this.#backend.write(offsetBytes, data, optionsOf(call.work));
    } catch (error) {
      call.failed(error);
      return;
    }
    settle(call, result);
  }

  /** Whatever is neither READ nor WRITE. */
  other(call: BackendCall, work: Work): void {
    work.complete = true;
    switch (work.command) {
      case Command.flush:
        this.#run(call, () => this.#backend.flush?.());
        break;
      case Command.trim:
        this.#run(call, () => this.#backend.trim?.(work.offsetBytes, work.lengthBytes, optionsOf(work)));
        break;
      case Command.cache:
        this.#run(call, () => this.#backend.cache?.(work.offsetBytes, work.lengthBytes));
        break;
      case Command.writeZeroes:
        this.#run(call, () =>
          this.#backend.writeZeroes?.(work.offsetBytes, work.lengthBytes, {
            fua: (work.flags & CommandFlag.fua) !== 0,
            mayPunchHole: (work.flags & CommandFlag.noHole) === 0,
            fastOnly: (work.flags & CommandFlag.fastZero) !== 0,
          }),
        );
        break;
      default:
        this.#run(call, () => {
          const onlyFirst = (work.flags & CommandFlag.requestOne) !== 0;
          return this.#backend.blockStatus?.(work.offsetBytes, work.lengthBytes, { onlyFirst });
        });
    }
  }

  #run(call: BackendCall, action: () => unknown): void {
    let result: unknown;
    try {
      result = action();
    } catch (error) {
      call.failed(error);
      return;
    }
    settle(call, result);
  }
}

/** An answer that is there already costs no promise. */
function settle(call: BackendCall, result: unknown): void {
  if (isPromiseLike(result)) result.then(call.answered, call.failed);
  else call.answered(result);
}

function optionsOf(work: Work): NbdWriteOptions {
  return (work.flags & CommandFlag.fua) !== 0 ? FUA : PLAIN;
}
