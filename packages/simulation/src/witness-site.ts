import type { WitnessAnswer, WitnessPort } from '@holdfast/core';
import {
  type MemoryNetwork,
  MemoryRecords,
  memoryStore,
  type ProcessClock,
  seededRandom,
  type Weather,
} from '@holdfast/testkit';
import { createInMemoryWitness, type InMemoryWitness, type ProofKeeper } from '@holdfast/witness';

/** The machine of the witness: its store, the proof beside it, and at times a process. */
export class WitnessSite {
  private readonly records: MemoryRecords;
  private readonly proofs: MemoryRecords;
  private running: InMemoryWitness | undefined;
  private backup: ReturnType<MemoryRecords['snapshot']> = new Map();
  private life = 0;
  private isDown = true;

  constructor(
    private readonly network: MemoryNetwork,
    private readonly clock: ProcessClock,
    private readonly options: { readonly seed: number; readonly saveMs: number; readonly weather: Weather },
  ) {
    const { seed, saveMs } = options;
    this.records = new MemoryRecords({ name: 'witness', clock, saveMs, seed });
    this.proofs = new MemoryRecords({ name: 'proof', clock, saveMs, seed: seed + 1 });
  }

  get isUp(): boolean {
    return this.running !== undefined;
  }

  /** Nothing when it runs, or is about to. */
  start(): void {
    if (!this.isDown) return;
    this.isDown = false;
    void this.open();
  }

  private async open(): Promise<void> {
    const { life } = this;
    const opened = await createInMemoryWitness({
      random: seededRandom(this.options.seed * 31 + life),
      store: memoryStore(this.records),
      proof: proofIn(this.proofs),
    });
    if (life === this.life) this.running = opened;
  }

  /** SIGKILL: what was being saved is there, or is not. */
  kill(): void {
    this.life += 1;
    this.records.crash();
    this.proofs.crash();
    this.running = undefined;
    this.isDown = true;
  }

  takeBackup(): void {
    this.backup = this.records.snapshot();
  }

  /** While it is down. The proof is kept elsewhere, and no backup of the store brings it back. */
  restoreBackup(): void {
    this.records.restore(this.backup);
  }

  /** While it is down: store and proof are gone, as with a new machine. */
  loseEverything(): void {
    this.records.restore(new Map());
    this.proofs.restore(new Map());
  }

  /** How the process at `site` reaches the witness: by messages that may be lost, doubled and late. */
  portFor(site: string, clock: ProcessClock, isAlive: () => boolean): WitnessPort {
    type Call = (witness: InMemoryWitness) => Promise<WitnessAnswer>;
    const ask = (deadlineMs: number, call: Call): Promise<WitnessAnswer> =>
      new Promise((resolve) => {
        // What is left of a dead process says nothing to anybody.
        if (!isAlive()) return;
        const silence = { kind: 'unreachable', detail: `no answer within ${String(deadlineMs)} ms` } as const;
        const deadline = clock.setTimer(deadlineMs, () => {
          resolve(silence);
        });
        this.carry(site, 'witness', this.clock, () => {
          const { running } = this;
          if (running === undefined) return;
          void call(running).then((answer) => {
            if (running !== this.running) return;
            this.carry('witness', site, clock, () => {
              deadline.cancel();
              resolve(answer);
            });
          });
        });
      });
    return {
      register: (claim, options) => ask(options?.deadlineMs ?? 1_000, (witness) => witness.register(claim)),
      promote: (claim, options) => ask(options?.deadlineMs ?? 1_000, (witness) => witness.promote(claim)),
      reassert: (claim, options) => ask(options?.deadlineMs ?? 1_000, (witness) => witness.reassert(claim)),
      rejoin: (claim, options) => ask(options?.deadlineMs ?? 1_000, (witness) => witness.rejoin(claim)),
      status: (groupId, options) => ask(options?.deadlineMs ?? 1_000, (witness) => witness.status(groupId)),
    };
  }

  private carry(from: string, to: string, clock: ProcessClock, arrived: () => void): void {
    const { weather } = this.options;
    this.network.sendDatagram(from, to, () => clock.setTimer(0, arrived), weather);
  }
}

function proofIn(records: MemoryRecords): ProofKeeper {
  const store = memoryStore(records);
  return {
    load: async () => {
      const bytes = await store.load('proof');
      if (bytes === undefined) return undefined;
      return JSON.parse(new TextDecoder().decode(bytes)) as Awaited<ReturnType<ProofKeeper['load']>>;
    },
    save: (proof) => store.save('proof', new TextEncoder().encode(JSON.stringify(proof))),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
