import type { Address, FaultModel, PolarizationTiming, Role } from '@holdfast/core';
import type { NodeTuning } from '@holdfast/volume';

/** How a TCP link proves who is at the other end. Files are read when the link is made. */
export type TlsFiles =
  | {
      readonly kind: 'certificate';
      readonly certificateFile: string;
      readonly keyFile: string;
      readonly authorityFile: string;
      readonly peerNames?: readonly string[];
    }
  /** One line `identity:hexadecimal key`, as `psktool` writes it. */
  | { readonly kind: 'pre-shared-key'; readonly keyFile: string };

export interface EndpointConfig {
  readonly address: Address;
  readonly tls?: TlsFiles;
}

export interface LegConfig {
  readonly volumeId: string;
  readonly sizeBytes: number;
  readonly dataFile: string;
  readonly metadataFile: string;
  readonly content?: 'zeros' | 'adopt';
  /** For drills: what this process did not flush is forgotten when it dies. */
  readonly simulatePowerLoss: boolean;
}

export interface NodeConfig {
  readonly nodeId: string;
  readonly peerId: string;
  readonly role: Role;
  readonly storeFolder: string;
  readonly control: EndpointConfig;
  readonly peerLink: EndpointConfig & { readonly side: 'listen' | 'dial' };
  readonly paths: EndpointConfig;
  readonly nbd?: EndpointConfig;
  readonly legs: readonly LegConfig[];
  readonly tuning: Partial<NodeTuning>;
  readonly readMode?: 'leased' | 'confirmed';
}

export interface WitnessConfig extends EndpointConfig {
  readonly storeFolder?: string;
  /** Outside of the store, and of whatever puts the store back: it is how an old copy of the store is found out. */
  readonly bootTokenFile: string;
}

export interface InitiatorConfig {
  readonly nbd: EndpointConfig;
  readonly initiatorId?: string;
  readonly onNoSurvivor?: { readonly holdMs: number; readonly then: 'hold' | 'error' };
}

/** A configuration in which every relation holds; all paths are absolute. */
export interface HoldfastConfig {
  readonly file: string;
  readonly clusterId: string;
  readonly groupId: string;
  readonly timing: PolarizationTiming;
  readonly faultModel: FaultModel;
  readonly volumes: readonly { readonly volumeId: string; readonly sizeBytes: number }[];
  /** The preferred node first. */
  readonly nodes: readonly [NodeConfig, NodeConfig];
  readonly witness?: WitnessConfig;
  readonly initiator?: InitiatorConfig;
}
