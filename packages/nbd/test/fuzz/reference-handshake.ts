import { type StageExport, stageExports, stageLimits, type StageTls } from './stage.js';

/** The stream of a client, and where each of its chunks ended. */
export interface Arrivals {
  readonly bytes: Uint8Array;
  readonly ends: readonly number[];
}

/** What was agreed, and where in both directions the requests begin. */
export interface OpenSession {
  readonly served: StageExport;
  readonly structured: boolean;
  readonly context: boolean;
  readonly inputAt: number;
  readonly outputAt: number;
}

const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const optionMagic = 0x49484156_454f5054n;
const replyMagic = 0x0003e889_045565a9n;
const errors = { unsupported: 1, invalid: 3, tlsRequired: 5, unknown: 6 } as const;

/** The option phase, read a second time. */
export class ReferenceHandshake {
  problem: string | undefined;
  options = 0;
  readonly #in: DataView;
  readonly #out: DataView;
  #at = 4;
  #outAt = 18;
  #isSecure = false;
  #structured = false;
  #contextFor: string | undefined;
  #session: OpenSession | undefined;
  #isOver = false;

  constructor(
    private readonly arrivals: Arrivals,
    answered: Uint8Array,
    private readonly tls: StageTls,
  ) {
    this.#in = viewOf(arrivals.bytes);
    this.#out = viewOf(answered);
  }

  /** Undefined: the conversation did not get as far as requests, and need not have. */
  run(): OpenSession | undefined {
    if (this.#out.byteLength < 18 || this.#out.getBigUint64(0) !== 0x4e42444d_41474943n) {
      this.#fail('no greeting');
      return;
    }
    const total = this.#in.byteLength;
    if (total < 4 || this.#in.getUint32(0) > 3) {
      this.#ended();
      return;
    }
    while (!this.#isOver && this.problem === undefined) {
      if (total - this.#at < 16) break;
      const lengthBytes = this.#in.getUint32(this.#at + 12);
      if (this.#in.getBigUint64(this.#at) !== optionMagic || lengthBytes > stageLimits.maxOptionBytes) break;
      const from = this.#at + 16;
      if (total - from < lengthBytes) break;
      const code = this.#in.getUint32(this.#at + 8);
      this.#at = from + lengthBytes;
      this.options += 1;
      if (this.options > stageLimits.maxOptions) break;
      this.#answer(code, this.arrivals.bytes.subarray(from, this.#at));
    }
    if (this.#session === undefined) this.#ended();
    return this.#session;
  }

  /** Nothing more may have been said. */
  #ended(): undefined {
    if (this.problem === undefined && this.#outAt < this.#out.byteLength)
      this.problem = `${String(this.#out.byteLength - this.#outAt)} bytes behind the last answer that was due`;
    return undefined;
  }

  #fail(problem: string): undefined {
    this.problem ??= problem;
    return undefined;
  }

  #answer(code: number, data: Uint8Array): void {
    if (this.tls === 'required' && !this.#isSecure && code !== 5 && code !== 2) {
      if (code === 1) this.#isOver = true;
      else this.#error(code, errors.tlsRequired);
      return;
    }
    switch (code) {
      case 1:
        this.#exportName(data);
        return;
      case 2:
        this.#ack(code);
        this.#isOver = true;
        return;
      case 3:
        this.#list(code, data);
        return;
      case 5:
        this.#startTls(code, data);
        return;
      case 6:
      case 7:
        this.#go(code, data);
        return;
      case 8:
        if (data.length > 0) this.#error(code, errors.invalid);
        else {
          this.#structured = true;
          this.#ack(code);
        }
        return;
      case 9:
      case 10:
        this.#context(code, data);
        return;
      default:
        this.#error(code, errors.unsupported);
    }
  }

  #list(code: number, data: Uint8Array): void {
    if (data.length > 0) {
      this.#error(code, errors.invalid);
      return;
    }
    for (const { name, description } of stageExports) {
      const entry = this.#reply(code, 2);
      if (entry === undefined) return;
      const shown = Buffer.from(entry).subarray(4).toString();
      if (shown !== name + description) this.#fail(`LIST says "${shown}" for ${name}`);
    }
    this.#ack(code);
  }

  #startTls(code: number, data: Uint8Array): void {
    if (this.tls === 'none') this.#error(code, errors.unsupported);
    else if (this.#isSecure || data.length > 0) this.#error(code, errors.invalid);
    else {
      this.#ack(code);
      this.#isSecure = true;
      this.#structured = false;
      this.#contextFor = undefined;
      // What came with it came in plain text: it counts as never sent.
      this.#at = this.arrivals.ends.find((end) => end >= this.#at) ?? this.#at;
    }
  }

  #exportName(data: Uint8Array): void {
    const name = data.length > 4096 ? undefined : textOf(data);
    const served = stageExports.find((one) => one.name === name);
    this.#isOver = true;
    if (served === undefined) return;
    const zeroes = (this.#in.getUint32(0) & 2) === 0 ? 124 : 0;
    if (this.#out.byteLength - this.#outAt < 10 + zeroes) {
      this.#fail('the answer to EXPORT_NAME is not whole');
      return;
    }
    const flags = this.#out.getUint16(this.#outAt + 8);
    if (this.#out.getBigUint64(this.#outAt) !== BigInt(served.sizeBytes) || flags !== this.#flagsOf(served))
      this.#fail(`EXPORT_NAME ${served.name} was answered with other numbers`);
    this.#outAt += 10 + zeroes;
    this.#open(served);
  }

  #go(code: number, data: Uint8Array): void {
    const request = goOf(data);
    if (request === undefined) {
      this.#error(code, errors.invalid);
      return;
    }
    const served = stageExports.find((one) => one.name === request.name);
    if (served === undefined) {
      this.#error(code, errors.unknown);
      return;
    }
    const infos = [
      0,
      ...(request.types.includes(1) ? [1] : []),
      ...(request.types.includes(2) && served.description !== '' ? [2] : []),
      ...(request.types.includes(3) || served.minimumBytes > 1 ? [3] : []),
    ];
    for (const type of infos) {
      const info = this.#reply(code, 3);
      if (info === undefined) return;
      const view = viewOf(info);
      if (view.byteLength < 2 || view.getUint16(0) !== type)
        this.#fail(`an information other than ${String(type)}`);
      else if (
        type === 0 &&
        (view.getBigUint64(2) !== BigInt(served.sizeBytes) || view.getUint16(10) !== this.#flagsOf(served))
      )
        this.#fail(`the information on ${served.name} has other numbers`);
      else if (type === 3 && view.getUint32(2) !== served.minimumBytes) this.#fail('another smallest block');
    }
    this.#ack(code);
    if (code === 7) this.#open(served);
  }

  #open(served: StageExport): void {
    this.#isOver = true;
    const context = this.#contextFor === served.name;
    const structured = this.#structured;
    this.#session = { served, structured, context, inputAt: this.#at, outputAt: this.#outAt };
  }

  #flagsOf(served: StageExport): number {
    return served.flags | (this.#structured ? 0x80 : 0);
  }

  #context(code: number, data: Uint8Array): void {
    const request = contextOf(data);
    if (code === 10) this.#contextFor = undefined;
    if (request === undefined || !this.#structured) {
      this.#error(code, errors.invalid);
      return;
    }
    const served = stageExports.find((one) => one.name === request.name);
    if (served === undefined) {
      this.#error(code, errors.unknown);
      return;
    }
    const asked = request.queries.includes('base:allocation');
    const listed = code === 9 && (request.queries.length === 0 || request.queries.includes('base:'));
    if (served.hasContext && (asked || listed)) {
      const context = this.#reply(code, 4);
      if (context === undefined) return;
      if (Buffer.from(context).subarray(4).toString() !== 'base:allocation') this.#fail('another context');
      if (code === 10) this.#contextFor = served.name;
    }
    this.#ack(code);
  }

  #ack(option: number): void {
    const data = this.#reply(option, 1);
    if (data !== undefined && data.length > 0) this.#fail('an acknowledgement with data');
  }

  #error(option: number, error: number): void {
    this.#reply(option, 0x8000_0000 + error);
  }

  /** The next answer must be this one. */
  #reply(option: number, code: number): Uint8Array | undefined {
    const at = this.#outAt;
    if (this.#out.byteLength - at < 20) {
      this.#fail(`no answer to option ${String(option)}`);
      return;
    }
    const lengthBytes = this.#out.getUint32(at + 16);
    const found = this.#out.getUint32(at + 12);
    if (
      this.#out.getBigUint64(at) !== replyMagic ||
      this.#out.getUint32(at + 8) !== option ||
      found !== code
    ) {
      this.#fail(`option ${String(option)} was answered ${found.toString(16)} and not ${code.toString(16)}`);
      return;
    }
    if (lengthBytes > 8_200 || this.#out.byteLength - at - 20 < lengthBytes) {
      this.#fail(`an answer of ${String(lengthBytes)} bytes is not whole`);
      return;
    }
    this.#outAt = at + 20 + lengthBytes;
    return new Uint8Array(this.#out.buffer, this.#out.byteOffset + at + 20, lengthBytes);
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return text.decode(bytes);
  } catch {
    return undefined;
  }
}

/** A text with its length before it. */
function stringAt(data: Uint8Array, at: number): { readonly value: string; readonly to: number } | undefined {
  if (data.length - at < 4) return undefined;
  const lengthBytes = viewOf(data).getUint32(at);
  if (lengthBytes > 4096 || data.length - at - 4 < lengthBytes) return undefined;
  const value = textOf(data.subarray(at + 4, at + 4 + lengthBytes));
  return value === undefined ? undefined : { value, to: at + 4 + lengthBytes };
}

function goOf(data: Uint8Array): { readonly name: string; readonly types: readonly number[] } | undefined {
  const name = stringAt(data, 0);
  if (name === undefined || data.length - name.to < 2) return undefined;
  const count = viewOf(data).getUint16(name.to);
  if (data.length !== name.to + 2 + 2 * count) return undefined;
  const types = Array.from({ length: count }, (_, index) => viewOf(data).getUint16(name.to + 2 + 2 * index));
  return { name: name.value, types };
}

function contextOf(
  data: Uint8Array,
): { readonly name: string; readonly queries: readonly string[] } | undefined {
  const name = stringAt(data, 0);
  if (name === undefined || data.length - name.to < 4) return undefined;
  const queries: string[] = [];
  let at = name.to + 4;
  for (let left = viewOf(data).getUint32(name.to); left > 0; left -= 1) {
    const query = stringAt(data, at);
    if (query === undefined) return undefined;
    queries.push(query.value);
    at = query.to;
  }
  return at === data.length ? { name: name.value, queries } : undefined;
}
