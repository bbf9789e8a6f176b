import { HoldfastError, noTelemetry, type Random, type Store, type Telemetry } from '@holdfast/core';
import { decodeGroup, decodeMeta, encodeGroup, encodeMeta } from './codec.js';
import { decide, type ServedAnswer } from './decide.js';
import { emit } from './events.js';
import { judgeMemory, type MemoryVerdict, type ProofKeeper } from './proof.js';
import { type GroupRecord, viewOf, type WitnessMeta } from './record.js';
import type { WitnessRequest } from './request.js';
import { SerialByKey } from './serial.js';

const metaKey = 'witness';
const groupPrefix = 'group/';

export interface WitnessServiceOptions {
  /** What is known. Belongs to the service from now on: it closes it. */
  readonly store: Store;
  /** How far the store has come, kept outside of it. Belongs to the service from now on. */
  readonly proof: ProofKeeper;
  /** Gives incarnations and boot tokens. */
  readonly random: Random;
  readonly telemetry?: Telemetry;
  /** Groups that may become known; a further one is refused. Default 1,024. */
  readonly groupsMax?: number;
  /** Requests that may wait for one group. Default 64. */
  readonly waitingPerGroupMax?: number;
}

/** The decisions, with a memory: one request of a group at a time, every change durable before its answer. */
export class WitnessService {
  readonly incarnation: string;
  /** How the memory was judged at this start. */
  readonly memory: MemoryVerdict;

  private readonly lanes: SerialByKey;
  private readonly telemetry: Telemetry;
  private readonly groupsMax: number;
  private proving: Promise<void> | undefined;
  /** Newest change that is durable in the store, and newest that the proof vouches for. */
  private storedSequence: number;
  private provenSequence: number;
  private storedSum: number;
  private failure: HoldfastError | undefined;
  private closing: Promise<void> | undefined;

  private constructor(
    private readonly options: WitnessServiceOptions,
    private readonly start: Start,
    /** The newest durable change of each group. */
    private readonly groups: Map<string, number>,
    private sequence: number,
  ) {
    this.incarnation = start.incarnation;
    this.memory = start.memory;
    this.lanes = new SerialByKey(options.waitingPerGroupMax ?? 64);
    this.telemetry = options.telemetry ?? noTelemetry;
    this.groupsMax = options.groupsMax ?? 1024;
    this.storedSequence = sequence;
    this.provenSequence = sequence;
    this.storedSum = sumOf(groups);
  }

  /**
   * Reads what is stored and judges whether it may be trusted. Closes store and proof when it fails.
   * @throws HoldfastError CORRUPT, NOT_SUPPORTED, IO_FAILED, NO_SPACE
   */
  static async open(options: WitnessServiceOptions): Promise<WitnessService> {
    try {
      const { groups, sequence, start } = await begin(options);
      return new WitnessService(options, start, groups, sequence);
    } catch (error) {
      await options.store[Symbol.asyncDispose]();
      await options.proof[Symbol.asyncDispose]();
      throw error;
    }
  }

  get groupCount(): number {
    return this.groups.size;
  }

  /** Why nothing is answered any more; undefined while all is well. */
  get failed(): HoldfastError | undefined {
    return this.failure;
  }

  /**
   * Answers when the change, if there is one, is durable.
   * @throws HoldfastError REFUSED, CLOSED, IO_FAILED, NO_SPACE, CORRUPT. After a failed write it is not known whether the change
   * was made; the service answers nothing more, and a new start finds out.
   */
  async call(request: WitnessRequest): Promise<ServedAnswer> {
    if (this.closing !== undefined) throw closedError();
    return this.lanes.run(request.groupId, async () => {
      if (this.failure !== undefined) throw this.failure;
      const meta: WitnessMeta = { incarnation: this.incarnation };
      const before = await this.load(request.groupId);
      const { record, answer } = decide(before, request, meta);
      if (record !== undefined && record !== before) await this.save(before, record, meta);
      if ('nodeId' in request) {
        emit(this.telemetry, {
          kind: 'witness-claim-answered',
          groupId: request.groupId,
          nodeId: request.nodeId,
          request: request.kind,
          answer: answer.kind,
        });
      }
      return answer;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closing ??= (async () => {
      await this.lanes.idle();
      await this.options.store[Symbol.asyncDispose]();
      await this.options.proof[Symbol.asyncDispose]();
      emit(this.telemetry, { kind: 'witness-ended' });
    })();
    return this.closing;
  }

  private async load(groupId: string): Promise<GroupRecord | undefined> {
    if (!this.groups.has(groupId)) return undefined;
    const bytes = await this.options.store.load(groupPrefix + groupId);
    return bytes === undefined ? undefined : decodeGroup(bytes, groupIn(this.options.store, groupId)).record;
  }

  private async save(before: GroupRecord | undefined, record: GroupRecord, meta: WitnessMeta): Promise<void> {
    if (before === undefined && this.groups.size >= this.groupsMax) {
      throw new HoldfastError(
        'REFUSED',
        `The witness knows ${this.groups.size} groups and was told to know no more than ${this.groupsMax}. Raise groupsMax.`,
      );
    }
    const newest = this.groups.get(record.groupId) ?? 0;
    this.groups.set(record.groupId, newest);
    this.sequence += 1;
    const sequence = this.sequence;
    try {
      await this.options.store.save(groupPrefix + record.groupId, encodeGroup({ sequence, record }));
      this.groups.set(record.groupId, sequence);
      this.storedSum += sequence - newest;
      await this.prove(sequence);
    } catch (error) {
      // A write that failed may still surface later, and one that is repeated may "succeed" without being there.
      const detail = error instanceof Error ? error.message : 'unknown cause';
      this.failure ??= HoldfastError.is(error)
        ? error
        : new HoldfastError('IO_FAILED', `The witness could not write: ${detail}. Start it again.`, {
            cause: error,
          });
      emit(this.telemetry, { kind: 'witness-store-failed', detail });
      throw this.failure;
    }
    const view = viewOf(record, meta);
    emit(this.telemetry, {
      kind: 'witness-group-changed',
      groupId: record.groupId,
      from: before?.state ?? 'EMPTY',
      to: view.state,
      epoch: view.epoch,
      quarantined: view.quarantined,
      ...(view.owner === undefined ? {} : { owner: view.owner }),
    });
  }

  /** Settles when the proof says at least `sequence`. Groups that change at once share one write. */
  private async prove(sequence: number): Promise<void> {
    this.storedSequence = Math.max(this.storedSequence, sequence);
    while (this.provenSequence < sequence) {
      this.proving ??= this.writeProof();
      await this.proving;
    }
  }

  private async writeProof(): Promise<void> {
    const sequence = this.storedSequence;
    try {
      await this.options.proof.save({ ...this.start.proof, sequence, groupsSum: this.storedSum });
      this.provenSequence = sequence;
    } finally {
      this.proving = undefined;
    }
  }
}

interface Start {
  readonly incarnation: string;
  readonly memory: MemoryVerdict;
  readonly proof: { readonly bootToken: string; readonly previousBootToken?: string };
}

async function begin(
  options: WitnessServiceOptions,
): Promise<{ groups: Map<string, number>; sequence: number; start: Start }> {
  const { store, proof, random, telemetry = noTelemetry } = options;
  const metaBytes = await store.load(metaKey);
  const meta =
    metaBytes === undefined ? undefined : decodeMeta(metaBytes, `${store.name}, the entry witness`);
  let sequence = meta?.sequence ?? 0;
  const groups = new Map<string, number>();
  for (const key of await store.keys()) {
    if (!key.startsWith(groupPrefix)) continue;
    const groupId = key.slice(groupPrefix.length);
    const bytes = await store.load(key);
    if (bytes === undefined) continue;
    const stored = decodeGroup(bytes, groupIn(store, groupId));
    sequence = Math.max(sequence, stored.sequence);
    groups.set(groupId, stored.sequence);
  }
  const known = await proof.load();
  // Groups without the entry that every start writes first: half a copy of a store.
  const groupsSum = sumOf(groups);
  const memory =
    meta === undefined && groups.size > 0 ? 'other-start' : judgeMemory(meta, { sequence, groupsSum }, known);
  const incarnation = memory === 'continued' && meta !== undefined ? meta.incarnation : random.id();
  // Above whatever an answer was ever given for, so that the doubt of this start is not forgotten at the next one.
  sequence = Math.max(sequence, known?.sequence ?? 0);
  const bootToken = random.id();
  const tokens = {
    bootToken,
    ...(memory === 'continued' && meta !== undefined ? { previousBootToken: meta.bootToken } : {}),
  };
  // The proof first: a start that dies in between leaves a store that the next one still recognises, or a doubt.
  await proof.save({ ...tokens, sequence, groupsSum });
  await store.save(metaKey, encodeMeta({ incarnation, bootToken, sequence }));
  emit(telemetry, { kind: 'witness-started', incarnation, memory, groups: groups.size });
  return { groups, sequence, start: { incarnation, memory, proof: tokens } };
}

function sumOf(groups: ReadonlyMap<string, number>): number {
  return [...groups.values()].reduce((sum, sequence) => sum + sequence, 0);
}

function groupIn(store: Store, groupId: string): string {
  return `${store.name}, the entry of group ${groupId}`;
}

function closedError(): HoldfastError {
  return new HoldfastError('CLOSED', 'The witness is closed. Start it again.');
}
