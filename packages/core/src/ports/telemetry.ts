/** Something a person or a metrics system may want to know. `kind` ends in `-started`, `-progress` or `-ended`, or is a plain fact. */
export interface TelemetryEvent {
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** Guarantee: none; it must not throw, block or keep what it is given alive. */
export interface Telemetry {
  emit(event: TelemetryEvent): void;
}

/** The default: nobody listens. */
export const noTelemetry: Telemetry = { emit: () => undefined };
