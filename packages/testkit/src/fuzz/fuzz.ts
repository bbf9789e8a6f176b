import { Dice } from './dice.js';
import { shrinkList } from './shrink.js';

/** How one case went. */
export interface FuzzOutcome {
  /** What the target counts as frames: requests, options, messages. */
  readonly frames: number;
  /** Which rule was broken, and how; undefined: none. */
  readonly problem: string | undefined;
}

/** Something that is fuzzed. A case is a list of pieces: what is left when some are taken away is a case too. */
export interface FuzzTarget<Piece = unknown> {
  readonly name: string;
  draw(dice: Dice): readonly Piece[];
  /** Never rejects: what was not expected is a problem. */
  run(pieces: readonly Piece[]): Promise<FuzzOutcome>;
  /** One piece in words, for the report of a failure. */
  show(piece: Piece): string;
}

export interface FuzzOptions {
  /** The first seed. Every case has its own: `seed`, `seed + 1`, and so on. */
  readonly seed: number;
  /** Ends after the case with which so many frames are reached. */
  readonly frames: number;
  /** At most so many cases. Default: without limit. */
  readonly casesMax?: number;
  /** Errors that nobody caught since it was last asked: those of a host's handlers. Default: none are looked at. */
  readonly strays?: () => readonly string[];
  /** Whether a case that fails is made small. Default: yes. */
  readonly shrinks?: boolean;
}

export interface FuzzFailure {
  readonly seed: number;
  readonly problem: string;
  /** The pieces that are needed, in words. */
  readonly pieces: readonly string[];
  readonly drawnPieces: number;
}

export interface FuzzReport {
  readonly cases: number;
  readonly frames: number;
  readonly failure: FuzzFailure | undefined;
}

/** Runs case after case until enough frames were seen or one case breaks a rule. That one is made small. */
export async function fuzz<Piece>(target: FuzzTarget<Piece>, options: FuzzOptions): Promise<FuzzReport> {
  const casesMax = options.casesMax ?? Infinity;
  let cases = 0;
  let frames = 0;
  while (frames < options.frames && cases < casesMax) {
    const seed = options.seed + cases;
    const pieces = target.draw(new Dice(seed));
    const outcome = await judged(target, pieces, options);
    cases += 1;
    frames += Math.max(1, outcome.frames);
    if (outcome.problem !== undefined) {
      const { problem } = outcome;
      const small =
        options.shrinks === false
          ? pieces
          : await shrinkList(
              pieces,
              async (some) => (await judged(target, some, options)).problem !== undefined,
            );
      const shown = small.map((piece) => target.show(piece));
      return { cases, frames, failure: { seed, problem, pieces: shown, drawnPieces: pieces.length } };
    }
  }
  return { cases, frames, failure: undefined };
}

async function judged<Piece>(
  target: FuzzTarget<Piece>,
  pieces: readonly Piece[],
  options: FuzzOptions,
): Promise<FuzzOutcome> {
  let outcome: FuzzOutcome;
  try {
    outcome = await target.run(pieces);
  } catch (error) {
    outcome = { frames: 0, problem: `thrown at the caller: ${wordsOf(error)}` };
  }
  const [stray] = options.strays?.() ?? [];
  if (stray === undefined) return outcome;
  return { frames: outcome.frames, problem: `nobody caught: ${stray}` };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The first bytes of a frame in hexadecimal, and how long it is: enough to see what it is. */
export function showBytes(bytes: Uint8Array, mostBytes = 64): string {
  const shown = Array.from(bytes.subarray(0, mostBytes), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );
  return `${String(bytes.length)} bytes ${shown}${bytes.length > mostBytes ? '...' : ''}`;
}
