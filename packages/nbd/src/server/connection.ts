import type { ByteQueue } from '../codec/byte-queue.js';
import { OptionReplyCode } from '../codec/constants.js';
import { NbdError } from '../errors.js';
import type { NbdTimer } from '../clock.js';
import type { ByteStream, ByteStreamHandler } from '../stream.js';
import { type BudgetAccount } from './budget.js';
import { checkBackend, checkExport } from './exports.js';
import { type Agreement, Handshake, type HandshakeHost, type OpenOutcome } from './handshake.js';
import type { NbdServerLimits } from './limits.js';
import type { ServerCore } from './server-core.js';
import { Transmission } from './transmission.js';
import type { TransmissionOwner } from './transmission-ports.js';
import type { NbdBackend, NbdCloseReason, NbdExport, NbdIdentity, NbdSession } from './types.js';
import { requestRules } from './validate.js';

/** One client, from accept until its last request has been settled. */
export class Connection implements ByteStreamHandler, HandshakeHost, TransmissionOwner {
  readonly id: number;
  readonly limits: NbdServerLimits;
  readonly offersStructured: boolean;
  readonly #core: ServerCore;
  readonly #account: BudgetAccount;
  readonly #handshake: Handshake;
  readonly #abort = new AbortController();
  #stream: ByteStream;
  #identity: NbdIdentity = { kind: 'anonymous' };
  #deadline: NbdTimer | undefined;
  #backend: NbdBackend | undefined;
  #transmission: Transmission | undefined;
  #reason: NbdCloseReason | undefined;
  #because: string | undefined;
  #upgrading = false;
  #opening = false;
  #serving = false;
  #gone = false;
  #settled = false;
  #unproven = false;

  constructor(core: ServerCore, id: number, stream: ByteStream, account: BudgetAccount) {
    this.id = id;
    this.limits = core.limits;
    this.offersStructured = core.options.structuredReplies !== false;
    this.#core = core;
    this.#stream = stream;
    this.#account = account;
    this.#handshake = new Handshake(this);
  }

  get remote(): string {
    return this.#stream.remote;
  }

  get tls(): 'none' | 'offered' | 'required' {
    const policy = this.#core.options.tls;
    if (policy === undefined) return 'none';
    return policy.required ? 'required' : 'offered';
  }

  start(): void {
    this.#setDeadline(this.limits.handshakeDeadlineMs, 'the handshake took too long');
    this.#stream.attach(this);
    this.#handshake.start();
  }

  /** Takes no further request, finishes those in progress, then says goodbye. */
  finish(): void {
    this.#reason ??= 'server-closed';
    if (this.#transmission === undefined) this.#stream.destroy();
    else this.#transmission.finish();
    this.#setDeadline(this.limits.drainDeadlineMs, 'requests in progress took too long to finish');
  }

  destroy(reason: NbdCloseReason, because?: string): void {
    this.#reason ??= reason;
    this.#because ??= because;
    this.#stream.destroy();
  }

  // ---- ByteStreamHandler ----------------------------------------------------------------------------------------

  data(chunk: Uint8Array): void {
    if (this.#serving) this.#transmission?.data(chunk);
    else if (!this.#upgrading) this.#handshake.data(chunk);
  }

  landing(): Uint8Array | undefined {
    return this.#serving ? this.#transmission?.landing() : undefined;
  }

  landed(lengthBytes: number): void {
    this.#transmission?.landed(lengthBytes);
  }

  drain(): void {
    this.#transmission?.drain();
  }

  end(): void {
    this.#reason ??= 'connection-lost';
    if (this.#transmission === undefined) {
      this.#stream.destroy();
      return;
    }
    this.#setDeadline(this.limits.drainDeadlineMs, 'requests in progress took too long to finish');
    this.#transmission.end();
  }

  close(error: Error | undefined): void {
    if (this.#gone || this.#upgrading) return;
    this.#leave(error);
  }

  // ---- HandshakeHost --------------------------------------------------------------------------------------------

  send(bytes: Uint8Array): void {
    if (!this.#gone) this.#stream.write([bytes]);
  }

  async find(name: string): Promise<NbdExport | undefined> {
    const authorize = this.#core.options.authorize;
    if (authorize !== undefined && !(await authorize(this.#identity, name))) return undefined;
    return this.#core.directory.find(name);
  }

  async list(): Promise<readonly NbdExport[]> {
    const authorize = this.#core.options.authorize;
    const all = this.#core.directory.list();
    if (authorize === undefined) return all;
    const allowed: NbdExport[] = [];
    for (const served of all) {
      if (await authorize(this.#identity, served.name)) allowed.push(served);
    }
    return allowed;
  }

  async startTls(): Promise<boolean> {
    const policy = this.#core.options.tls;
    if (policy === undefined) return false;
    this.#upgrading = true;
    try {
      const secured = await policy.upgrade(this.#stream);
      this.#stream = secured.stream;
      this.#identity = secured.identity;
    } catch (error) {
      this.#reason ??= 'protocol-error';
      this.#because ??= `TLS: ${error instanceof Error ? error.message : String(error)}`;
      this.unproven(this.#because);
      this.#stream.destroy();
      this.#upgrading = false;
      this.#leave(undefined);
      return false;
    }
    this.#upgrading = false;
    this.#stream.attach(this);
    return true;
  }

  async open(served: NbdExport, agreement: Agreement): Promise<OpenOutcome> {
    if (!this.#core.holdOpen()) {
      return { refusal: OptionReplyCode.shutdown, message: 'too many clients are waiting for an export' };
    }
    // The client may have to wait long for this, and that is not its fault.
    this.#deadline?.cancel();
    this.#deadline = undefined;
    this.#opening = true;
    let backend: NbdBackend | undefined;
    try {
      checkExport(served);
      backend = await served.open(this.#session(served));
      checkBackend(served, backend);
    } catch (error) {
      if (backend !== undefined) await closeBackend(backend, 'aborted');
      return this.#openFailed(error);
    } finally {
      this.#opening = false;
      this.#core.releaseOpen();
    }
    if (this.#gone) {
      await closeBackend(backend, this.#reason ?? 'connection-lost');
      this.#settle();
      return 'dropped';
    }
    this.#backend = backend;
    const rules = requestRules(served, this.limits, agreement.structured, agreement.allocationContext);
    this.#transmission = new Transmission(
      this.#stream,
      this.#account,
      this,
      backend,
      rules,
      this.#core.tools,
    );
    return 'opened';
  }

  opened(rest: ByteQueue): void {
    this.#serving = true;
    if (rest.length > 0) this.#transmission?.data(rest.take(rest.length));
  }

  goodbye(): void {
    this.#reason ??= 'client-disconnected';
    this.#stream.end();
  }

  fail(because: string): void {
    this.destroy('protocol-error', because);
  }

  unproven(because: string): void {
    if (this.#unproven) return;
    this.#unproven = true;
    this.#core.notice({ kind: 'proof-refused', connection: this.id, remote: this.remote, because });
  }

  // ---- TransmissionOwner ----------------------------------------------------------------------------------------

  transmissionDrained(): void {
    this.#reason ??= 'client-disconnected';
    this.#setDeadline(this.limits.drainDeadlineMs, 'the client did not take its replies');
    this.#stream.end();
  }

  transmissionFailed(reason: 'protocol-error' | 'aborted', because: string): void {
    this.destroy(reason, because);
  }

  transmissionSettled(): void {
    void this.#closeAndSettle();
  }

  // ---- the end --------------------------------------------------------------------------------------------------

  #session(served: NbdExport): NbdSession {
    const core = this.#core;
    core.notice({
      kind: 'session-opened',
      connection: this.id,
      remote: this.remote,
      exportName: served.name,
      identity: this.#identity,
    });
    return {
      id: this.id,
      exportName: served.name,
      identity: this.#identity,
      remote: this.remote,
      signal: this.#abort.signal,
      abort: (reason) => {
        this.destroy('aborted', reason);
      },
    };
  }

  #openFailed(error: unknown): OpenOutcome {
    if (this.#gone) {
      this.#settle();
      return 'dropped';
    }
    const message = error instanceof Error ? error.message : String(error);
    if (NbdError.is(error, 'DISCONNECT')) {
      this.destroy('aborted', message);
      return 'dropped';
    }
    this.#setDeadline(this.limits.handshakeDeadlineMs, 'the handshake took too long');
    if (NbdError.is(error, 'UNKNOWN_EXPORT')) return { refusal: OptionReplyCode.unknown, message };
    if (NbdError.is(error, 'REFUSED')) return { refusal: OptionReplyCode.policy, message };
    if (NbdError.is(error, 'ESHUTDOWN')) return { refusal: OptionReplyCode.shutdown, message };
    // What went wrong inside is not for the client's eyes.
    return { refusal: OptionReplyCode.platform, message: 'the export could not be opened' };
  }

  #setDeadline(afterMs: number, because: string): void {
    this.#deadline?.cancel();
    if (this.#gone) return;
    this.#deadline = this.#core.options.clock.setTimer(afterMs, () => {
      this.destroy('connection-lost', because);
    });
  }

  #leave(error: Error | undefined): void {
    this.#gone = true;
    this.#reason ??= 'connection-lost';
    this.#because ??= error?.message;
    this.#deadline?.cancel();
    this.#handshake.stop();
    this.#abort.abort();
    if (this.#transmission !== undefined) this.#transmission.lost();
    else if (!this.#opening) this.#settle();
  }

  async #closeAndSettle(): Promise<void> {
    if (this.#backend !== undefined) await closeBackend(this.#backend, this.#reason ?? 'connection-lost');
    this.#settle();
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#core.connectionSettled(this, this.#reason ?? 'connection-lost', this.#because);
  }
}

/** A backend that fails to close has nobody left to tell. */
async function closeBackend(backend: NbdBackend, reason: NbdCloseReason): Promise<void> {
  try {
    await backend.close?.(reason);
  } catch {
    return;
  }
}
