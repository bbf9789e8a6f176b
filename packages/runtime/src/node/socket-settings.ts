import type { Telemetry } from '@holdfast/core';
import type { LinkSecurity } from './socket-security.js';

/** What the parts of the transport share, with every default filled in. */
export interface TransportSettings {
  readonly security: LinkSecurity | undefined;
  readonly allowPlaintextLoopback: boolean;
  readonly highWaterMarkBytes: number;
  readonly handshakeTimeoutMs: number;
  readonly telemetry: Telemetry;
}
