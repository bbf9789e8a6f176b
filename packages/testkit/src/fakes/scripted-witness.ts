import {
  type AbortSignalLike,
  type CallOptions,
  type Clock,
  HoldfastError,
  type WitnessAnswer,
  type WitnessClaim,
  type WitnessPort,
  type WitnessView,
} from '@holdfast/core';

export type WitnessMethod = keyof WitnessPort;

/** One call, as it came in. */
export interface WitnessCall {
  readonly method: WitnessMethod;
  readonly groupId: string;
  /** Missing for `status`. */
  readonly claim?: WitnessClaim;
  readonly at: number;
}

export interface ScriptedAnswer {
  readonly answer: WitnessAnswer;
  /** Before it reaches the caller. Default 0. */
  readonly delayMs?: number;
}

/** `never`: the request or its answer was swallowed. */
export type WitnessLine = WitnessAnswer | ScriptedAnswer | 'unreachable' | 'never';

export interface ScriptedWitness extends WitnessPort {
  readonly calls: readonly WitnessCall[];
  /** Answers for the next calls, in order. They go before `script`. */
  next(...lines: readonly WitnessLine[]): void;
  /** Answers every call for which no line is left. Default: 'unreachable'. */
  script: (call: WitnessCall) => WitnessLine;
}

/**
 * A witness that says what a test tells it to say, when the test wants. It remembers every call and decides nothing. A call whose
 * deadline passes first is answered with `unreachable`, as the port demands; an abort rejects with ABORTED.
 */
export function scriptedWitness(clock: Clock): ScriptedWitness {
  const calls: WitnessCall[] = [];
  const lines: WitnessLine[] = [];

  const answerTo = (call: WitnessCall, options: CallOptions = {}): Promise<WitnessAnswer> => {
    // What is given up before it is sent reaches nobody.
    if (options.signal?.aborted === true) return Promise.reject(abortedBy(options.signal));
    calls.push(call);
    return deliver(clock, lines.shift() ?? witness.script(call), options);
  };
  const onClaim =
    (method: WitnessMethod) =>
    (claim: WitnessClaim, options?: CallOptions): Promise<WitnessAnswer> =>
      answerTo({ method, groupId: claim.groupId, claim, at: clock.now() }, options);

  const witness: ScriptedWitness = {
    calls,
    next: (...more) => void lines.push(...more),
    script: () => 'unreachable',
    register: onClaim('register'),
    promote: onClaim('promote'),
    reassert: onClaim('reassert'),
    rejoin: onClaim('rejoin'),
    status: (groupId, options) => answerTo({ method: 'status', groupId, at: clock.now() }, options),
  };
  return witness;
}

/** A view with plausible values for all that a test does not care about. */
export function witnessView(view: Partial<WitnessView> = {}): WitnessView {
  return {
    state: 'REGISTERED',
    incarnation: 'witness-1',
    quarantined: false,
    epoch: 1,
    members: ['alpha', 'beta'],
    ...view,
  };
}

function deliver(
  clock: Clock,
  line: WitnessLine,
  { signal, deadlineMs }: CallOptions,
): Promise<WitnessAnswer> {
  const never = line === 'never';
  const scripted: ScriptedAnswer =
    typeof line === 'string'
      ? { answer: unreachable('as the test asked') }
      : 'answer' in line
        ? line
        : { answer: line };
  return new Promise((resolve, reject) => {
    const aborted = (): void => {
      answering?.cancel();
      deadline?.cancel();
      reject(abortedBy(signal));
    };
    const settle = (answer: WitnessAnswer): void => {
      answering?.cancel();
      deadline?.cancel();
      signal?.removeEventListener('abort', aborted);
      resolve(answer);
    };
    const answering = never
      ? undefined
      : clock.setTimer(scripted.delayMs ?? 0, () => settle(scripted.answer));
    const deadline =
      deadlineMs === undefined
        ? undefined
        : clock.setTimer(deadlineMs, () => settle(unreachable(`no answer within ${String(deadlineMs)} ms`)));
    signal?.addEventListener('abort', aborted);
  });
}

function abortedBy(signal: AbortSignalLike | undefined): HoldfastError {
  return new HoldfastError('ABORTED', 'The call to the witness was aborted.', { cause: signal?.reason });
}

function unreachable(detail: string): WitnessAnswer {
  return { kind: 'unreachable', detail };
}
