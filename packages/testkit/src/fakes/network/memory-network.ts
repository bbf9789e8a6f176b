import { type Clock, HoldfastError, Prng } from '@holdfast/core';
import { fatesOf, type Weather } from './datagrams.js';
import { Link, type LinkSpeed } from './link.js';
import { MemoryHost, type MemoryHostOptions, type NetworkOfHosts } from './memory-host.js';

export interface MemoryNetworkOptions {
  /** True time. Hosts may have views of their own. */
  readonly clock: Clock;
  /** Decides jitter and what a reset cuts off. Default 1. */
  readonly seed?: number;
  /** Of every link that is not set otherwise. Default: 0.1 ms, no jitter, no limit. */
  readonly speed?: LinkSpeed;
  /** Bytes on the way per stream and direction, before the sender's own buffer fills. Default 256 KiB. */
  readonly windowBytes?: number;
  /** Bytes waiting in a sender before `write` says false. Default 1 MiB. */
  readonly highWaterMarkBytes?: number;
}

/**
 * Hosts with names, and links between them that can be slow, cut in one direction without a word, or reset. The Transport port of
 * each is `network.host(name)`. Addresses are `tcp:<host name>:<port>`, and `unix:/path` within one host.
 *
 * A cut is silence, not loss: like the kernels of two real hosts, both sides keep repeating, and what was written comes through, in
 * order, after the link is healed, unless somebody has given up and destroyed the stream by then.
 */
export class MemoryNetwork {
  private readonly clock: Clock;
  private readonly random: Prng;
  private readonly speed: LinkSpeed;
  private readonly inside: NetworkOfHosts;
  private readonly hosts = new Map<string, MemoryHost>();
  private readonly links = new Map<string, Link>();

  constructor(options: MemoryNetworkOptions) {
    this.clock = options.clock;
    this.random = new Prng(options.seed ?? 1);
    this.speed = options.speed ?? { latencyMs: 0.1 };
    this.inside = {
      clock: options.clock,
      windowBytes: options.windowBytes ?? 256 * 1024,
      highWaterMarkBytes: options.highWaterMarkBytes ?? 1024 * 1024,
      keep: (count) => this.random.below(count + 1),
      find: (name) => this.hosts.get(name),
      link: (from, to) => this.link(from, to),
    };
  }

  /** The host of that name; the same one on every call. Options count at the first. */
  host(name: string, options: MemoryHostOptions = {}): MemoryHost {
    let host = this.hosts.get(name);
    if (host === undefined) {
      host = new MemoryHost(name, this.inside, options);
      this.hosts.set(name, host);
    }
    return host;
  }

  /** Swallows everything in one direction, without a word to anybody. */
  cut(from: string, to: string): void {
    this.link(from, to).setCut(true);
  }

  /** Swallows everything in both directions. */
  partition(a: string, b: string): void {
    this.cut(a, b);
    this.cut(b, a);
  }

  /** Ends a cut in both directions. */
  heal(a: string, b: string): void {
    this.link(a, b).setCut(false);
    this.link(b, a).setCut(false);
  }

  /** Ends a cut in one direction. */
  healOneWay(from: string, to: string): void {
    this.link(from, to).setCut(false);
  }

  healAll(): void {
    for (const link of this.links.values()) link.setCut(false);
  }

  /** Every stream between the two breaks, on both sides, also through a cut. */
  reset(a: string, b: string): void {
    for (const host of [this.hosts.get(a), this.hosts.get(b)]) host?.breakStreams(host.name === a ? b : a);
  }

  /** From now on, in one direction. What is on the way keeps its time. */
  setSpeed(from: string, to: string, speed: LinkSpeed): void {
    this.link(from, to).setSpeed(speed);
  }

  /**
   * Carries one message that belongs to no stream: lost while the link is cut, and otherwise as the weather says, also twice or behind a
   * younger one. What `arrived` does happens in true time; a process with a clock of its own sets a timer on it.
   */
  sendDatagram(from: string, to: string, arrived: () => void, weather: Weather = {}): void {
    const link = this.link(from, to);
    if (link.cut) return;
    for (const laterMs of fatesOf(weather, this.random)) {
      this.clock.setTimer(link.arrivalOf(256) - this.clock.now() + laterMs, () => {
        if (!link.cut) arrived();
      });
    }
  }

  private link(from: string, to: string): Link {
    if (from.includes('|') || to.includes('|')) {
      throw new HoldfastError('CONFIG_INVALID', `A host's name holds no bar: ${from}, ${to}.`);
    }
    const key = `${from}|${to}`;
    let link = this.links.get(key);
    if (link === undefined) {
      // Within one host there is no wire.
      const speed = from === to ? { latencyMs: 0 } : this.speed;
      link = new Link(this.clock, new Prng(this.random.uint32()), speed);
      this.links.set(key, link);
    }
    return link;
  }
}
