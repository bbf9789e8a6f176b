import type { CallOptions, Fencer, FencingEvidence } from '@holdfast/core';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { codeOf, ioError } from '../errors.js';
import { ChildLife, type LocalProcess, type OutputListener } from './local-process.js';

/** The variable in which a child finds the boot id of its life. */
export const bootIdVariable = 'HOLDFAST_BOOT_ID';

export interface StartOptions {
  readonly nodeId: string;
  /** The program; its arguments travel as they are, no shell reads them. */
  readonly command: string;
  readonly args?: readonly string[];
  /** Added to this process's own variables. */
  readonly env?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  /** Hears every line. */
  readonly output?: OutputListener;
}

/** Nodes as child processes of this one. */
export interface ProcessHost {
  /**
   * Evidence of strength `io`: this process is the parent, and the kernel told it of the exit. Bytes the dead process had given
   * to a socket before may still arrive. Fencing sends SIGKILL and waits for the exit, also of a stopped process.
   */
  readonly fencer: Fencer;
  /** Starts one life of a node. Fails with NOT_FOUND when there is no such program, and IO_FAILED. */
  start(options: StartOptions): Promise<LocalProcess>;
  /** All that live now. */
  readonly processes: readonly LocalProcess[];
  /** Ends all that live: SIGTERM, and SIGKILL to those that still live after `graceMs`. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ProcessHostOptions {
  /** How long a process may take to end by itself when the host is disposed. Default 2000. */
  readonly graceMs?: number;
}

/**
 * Starts and ends nodes on this machine. When this process exits, its children get SIGKILL; when it is killed itself it cannot,
 * and children that called `exitWithParent` end by themselves then.
 */
export function openProcessHost(options: ProcessHostOptions = {}): ProcessHost {
  return new Host(options.graceMs ?? 2000);
}

class Host implements ProcessHost {
  readonly fencer: Fencer;
  private readonly lives = new Map<string, ChildLife>();
  /** By boot id. A life that ended stays ended, however late somebody asks. */
  private readonly ended = new Map<string, FencingEvidence>();
  private readonly watchers = new Set<(evidence: FencingEvidence) => void>();

  constructor(private readonly graceMs: number) {
    this.fencer = {
      strength: 'io',
      watch: (found) => {
        this.watchers.add(found);
        return () => void this.watchers.delete(found);
      },
      fence: (nodeId, bootId, options) => this.fence(nodeId, bootId, options),
    };
    process.on('exit', this.killAll);
  }

  get processes(): readonly LocalProcess[] {
    return [...this.lives.values()];
  }

  async start(options: StartOptions): Promise<LocalProcess> {
    const bootId = randomBytes(16).toString('hex');
    const child = spawn(options.command, options.args ?? [], {
      cwd: options.workingDirectory,
      env: { ...process.env, ...options.env, [bootIdVariable]: bootId },
      // The input stays open as long as this process lives: its end tells the child that its parent is gone.
      stdio: ['pipe', 'pipe', 'pipe'],
      shell: false,
    });
    const life = new ChildLife(options.nodeId, bootId, child, options.output);
    await new Promise<void>((started, failed) => {
      child.once('spawn', started);
      child.once('error', (error) => {
        failed(ioError(codeOf(error), `starting node ${options.nodeId}`, options.command, error));
      });
    });
    // A signal that cannot be sent any more is no reason to end this process.
    child.on('error', () => undefined);
    this.lives.set(bootId, life);
    void life.exited.then(({ how }) => {
      const evidence: FencingEvidence = { nodeId: life.nodeId, bootId, strength: 'io', how };
      this.lives.delete(bootId);
      this.ended.set(bootId, evidence);
      for (const found of [...this.watchers]) found(evidence);
    });
    return life;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const living = this.processes;
    for (const life of living) {
      life.signal('SIGTERM');
      // A stopped process would not hear it.
      life.signal('SIGCONT');
    }
    const everybody = Promise.all(living.map((life) => life.exited));
    const timer = setTimeout(this.killAll, this.graceMs);
    await everybody;
    clearTimeout(timer);
    process.removeListener('exit', this.killAll);
  }

  private async fence(
    nodeId: string,
    bootId: string,
    options: CallOptions = {},
  ): Promise<FencingEvidence | undefined> {
    const life = this.lives.get(bootId);
    if (life?.nodeId === nodeId) {
      life.signal('SIGKILL');
      await exitOrGivenUp(life, options);
    }
    const evidence = this.ended.get(bootId);
    return evidence?.nodeId === nodeId ? evidence : undefined;
  }

  private readonly killAll = (): void => {
    for (const life of this.lives.values()) life.signal('SIGKILL');
  };
}

/** A wait that was given up leaves the signal sent; the evidence reaches the watchers when the exit comes. */
function exitOrGivenUp(life: ChildLife, { signal, deadlineMs }: CallOptions): Promise<void> {
  return new Promise((over) => {
    const timer = deadlineMs === undefined ? undefined : setTimeout(finish, deadlineMs);
    function finish(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      over();
    }
    signal?.addEventListener('abort', finish);
    if (signal?.aborted === true) finish();
    void life.exited.then(finish);
  });
}
