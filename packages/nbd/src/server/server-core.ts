import type { NbdByteBudget } from './budget.js';
import type { Connection } from './connection.js';
import type { NbdServerLimits } from './limits.js';
import type { NbdServerNotice, NbdServerOptions } from './options.js';
import type { TransmissionTools } from './transmission-ports.js';
import type { NbdCloseReason, NbdExportDirectory } from './types.js';

/** What a server's connections share and report to. */
export interface ServerCore {
  readonly options: NbdServerOptions;
  readonly limits: NbdServerLimits;
  readonly budget: NbdByteBudget;
  readonly directory: NbdExportDirectory;
  readonly tools: TransmissionTools;
  notice(notice: NbdServerNotice): void;
  /** False when too many opens are held already. */
  holdOpen(): boolean;
  releaseOpen(): void;
  connectionSettled(connection: Connection, reason: NbdCloseReason, because: string | undefined): void;
}
