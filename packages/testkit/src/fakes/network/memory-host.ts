import {
  type Address,
  type ByteStream,
  type CallOptions,
  type Clock,
  HoldfastError,
  type Listener,
  type Transport,
} from '@holdfast/core';
import type { Link } from './link.js';
import { MemoryStream } from './memory-stream.js';
import { Pipe } from './pipe.js';

export interface MemoryHostOptions {
  /** The view of the process that runs here. Default: true time. While it is paused, nothing that arrives is noticed. */
  readonly clock?: Clock;
}

/** What a host knows of the network it is in. */
export interface NetworkOfHosts {
  readonly clock: Clock;
  readonly windowBytes: number;
  readonly highWaterMarkBytes: number;
  keep(count: number): number;
  find(name: string): MemoryHost | undefined;
  link(from: string, to: string): Link;
}

const FIRST_FREE_PORT = 40_000;

/** One host, with one process on it. Its transport dies with the process; the next life uses the same object. */
export class MemoryHost implements Transport {
  readonly name: string;
  private readonly network: NetworkOfHosts;
  private readonly clock: Clock;
  private readonly listeners = new Map<string, (stream: ByteStream) => void>();
  private readonly streams = new Map<MemoryStream, string>();
  /** Called when the power comes back: peers that still send to a stream of the last life are told that it is gone. */
  private readonly afterPowerOn: (() => void)[] = [];
  private powered = true;
  private nextPort = FIRST_FREE_PORT;
  private life = 0;

  constructor(name: string, network: NetworkOfHosts, options: MemoryHostOptions) {
    this.name = name;
    this.network = network;
    this.clock = options.clock ?? network.clock;
  }

  /** Streams that are open at this end. */
  get openStreams(): number {
    return this.streams.size;
  }

  async connect(address: Address, options: CallOptions = {}): Promise<ByteStream> {
    const { signal, deadlineMs } = options;
    const { hostName, key } = this.parse(address);
    if (signal?.aborted === true) throw abortedBy(address, signal.reason);
    const { life } = this;
    return new Promise((resolve, reject) => {
      let waiting = true;
      const end = (): boolean => {
        if (!waiting) return false;
        waiting = false;
        deadline?.cancel();
        signal?.removeEventListener('abort', onAbort);
        return life === this.life;
      };
      const onAbort = (): void => {
        if (end()) reject(abortedBy(address, signal?.reason));
      };
      const deadline =
        deadlineMs === undefined
          ? undefined
          : this.clock.setTimer(deadlineMs, () => {
              if (end()) reject(lateFor(address, deadlineMs));
            });
      signal?.addEventListener('abort', onAbort);
      this.call(hostName, key, address, {
        refused: () =>
          this.clock.setTimer(0, () => {
            if (end()) reject(nobodyAt(address));
          }),
        open: (stream) =>
          this.clock.setTimer(0, () => {
            if (end()) resolve(stream);
            else stream.destroy();
          }),
      });
    });
  }

  async listen(address: Address, accepted: (stream: ByteStream) => void): Promise<Listener> {
    let { key } = this.parse(address);
    let bound = address;
    if (key === ':0') {
      const port = (this.nextPort += 1);
      key = `:${String(port)}`;
      bound = `tcp:${this.name}:${String(port)}`;
    }
    if (this.listeners.has(key)) {
      throw new HoldfastError('ALREADY_OPEN', `Somebody listens on ${address} of host ${this.name}.`);
    }
    this.listeners.set(key, accepted);
    return {
      address: bound,
      [Symbol.asyncDispose]: async () => {
        if (this.listeners.get(key) === accepted) this.listeners.delete(key);
      },
    };
  }

  /** The process died, its kernel lives: peers see the streams end, and a reset when they go on writing. */
  kill(): void {
    this.life += 1;
    this.listeners.clear();
    for (const stream of [...this.streams.keys()]) stream.die(true);
  }

  /** The machine went dark: nobody is told anything, and whoever connects gets no answer. */
  powerOff(): void {
    this.powered = false;
    this.life += 1;
    this.listeners.clear();
    for (const stream of [...this.streams.keys()]) stream.die(false);
  }

  powerOn(): void {
    this.powered = true;
    for (const tell of this.afterPowerOn.splice(0)) tell();
  }

  /** Used by the network. */
  breakStreams(peer: string): void {
    for (const [stream, name] of [...this.streams]) if (name === peer) stream.break();
  }

  private call(
    hostName: string,
    key: string,
    address: Address,
    answer: { refused(): void; open(stream: ByteStream): void },
  ): void {
    const target = this.network.find(hostName);
    this.network.link(this.name, hostName).carry(() => {
      if (target !== undefined && !target.powered) return;
      const accepted = target?.listeners.get(key);
      const back = this.network.link(hostName, this.name);
      if (target === undefined || accepted === undefined) {
        back.carry(() => answer.refused());
        return;
      }
      const [mine, theirs] = this.join(target, address);
      const { life } = target;
      target.clock.setTimer(0, () => {
        if (life === target.life) accepted(theirs);
      });
      back.carry(() => answer.open(mine));
    });
  }

  private join(target: MemoryHost, address: Address): readonly [MemoryStream, MemoryStream] {
    const mine = this.makeStream(target, address);
    const theirs = target.makeStream(this, `tcp:${this.name}:${String((this.nextPort += 1))}`);
    const out = this.pipeBetween(mine, theirs, target);
    const back = target.pipeBetween(theirs, mine, this);
    mine.outgoing = out;
    mine.incoming = back;
    theirs.outgoing = back;
    theirs.incoming = out;
    mine.refused = refuser(this, target, theirs);
    theirs.refused = refuser(target, this, mine);
    return [mine, theirs];
  }

  private makeStream(peer: MemoryHost, remote: string): MemoryStream {
    const stream = new MemoryStream({
      remote,
      clock: this.clock,
      highWaterMarkBytes: this.network.highWaterMarkBytes,
      gone: (gone) => this.streams.delete(gone),
      keep: (count) => this.network.keep(count),
    });
    this.streams.set(stream, peer.name);
    return stream;
  }

  private pipeBetween(from: MemoryStream, to: MemoryStream, target: MemoryHost): Pipe {
    const { clock, windowBytes } = this.network;
    return new Pipe({
      network: clock,
      link: this.network.link(this.name, target.name),
      windowBytes,
      receiver: to,
      entered: (segment) => from.entered(segment),
    });
  }

  private parse(address: Address): { readonly hostName: string; readonly key: string } {
    if (address.startsWith('unix:/')) return { hostName: this.name, key: address };
    const match = /^tcp:(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address);
    const hostName = match?.[1] ?? match?.[2];
    if (hostName === undefined) {
      throw new HoldfastError(
        'CONFIG_INVALID',
        `'${address}' is no address: write unix:/path or tcp:host:port.`,
      );
    }
    const local = hostName === 'localhost' || hostName === '127.0.0.1' || hostName === '::1';
    return { hostName: local ? this.name : hostName, key: `:${String(match?.[3])}` };
  }

  /** Used by streams of this host whose end is dead: the peer learns it now, or when the power is back. */
  whenPowered(tell: () => void): void {
    if (this.powered) tell();
    else this.afterPowerOn.push(tell);
  }

  /** Used by streams. */
  resetOver(peer: MemoryHost, stream: MemoryStream): void {
    this.network.link(this.name, peer.name).carry(() => stream.break());
  }
}

/** Answers data for a dead end at `here` with a reset of the other end, once. */
function refuser(here: MemoryHost, peer: MemoryHost, other: MemoryStream): () => void {
  let told = false;
  return () => {
    if (told) return;
    told = true;
    here.whenPowered(() => here.resetOver(peer, other));
  };
}

function abortedBy(address: Address, reason: unknown): HoldfastError {
  return new HoldfastError('ABORTED', `Connecting to ${address} was aborted.`, { cause: reason });
}

function lateFor(address: Address, deadlineMs: number): HoldfastError {
  return new HoldfastError(
    'DEADLINE_EXCEEDED',
    `Connecting to ${address} took longer than ${String(deadlineMs)} ms.`,
    {
      retryable: true,
    },
  );
}

function nobodyAt(address: Address): HoldfastError {
  return new HoldfastError('UNREACHABLE', `Nobody listens on ${address}.`, { retryable: true });
}
