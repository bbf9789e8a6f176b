import type { Telemetry, TelemetryEvent } from '@holdfast/core';

export interface RecordingTelemetry extends Telemetry {
  readonly events: readonly TelemetryEvent[];
  ofKind(kind: string): readonly TelemetryEvent[];
  clear(): void;
}

/** Keeps everything it is told, in order. */
export function recordingTelemetry(): RecordingTelemetry {
  const events: TelemetryEvent[] = [];
  return {
    events,
    emit: (event) => void events.push(event),
    ofKind: (kind) => events.filter((event) => event.kind === kind),
    clear: () => void (events.length = 0),
  };
}
