export interface Method {
  readonly name: string;
  readonly parameters: string;
  readonly result: string;
}

/** What the skeleton of one port is made from. */
export interface PortSkeleton {
  /** The interface in core, and the end of the class's name. */
  readonly type: string;
  readonly suite: string;
  /** Types of core that the signatures name, besides the port itself. */
  readonly types: readonly string[];
  /** Fields that stand from the beginning. */
  readonly fields: readonly string[];
  readonly methods: readonly Method[];
}

const method = (name: string, parameters: string, result: string): Method => ({ name, parameters, result });

/** The ports that a skeleton can be written for. */
export const ports: Readonly<Record<string, PortSkeleton>> = {
  'block-device': {
    type: 'BlockDevice',
    suite: 'blockDeviceSuite',
    types: ['BlockBuffer', 'WriteOptions'],
    fields: ['readonly sizeBytes = 1024 * 1024;'],
    methods: [
      method('read', '_offsetBytes: number, _lengthBytes: number', 'BlockBuffer'),
      method('write', '_offsetBytes: number, _data: Uint8Array, _options?: WriteOptions', 'void'),
      method('writeZeroes', '_offsetBytes: number, _lengthBytes: number, _options?: WriteOptions', 'void'),
      method('flush', '', 'void'),
    ],
  },
  store: {
    type: 'Store',
    suite: 'storeSuite',
    types: [],
    fields: [],
    methods: [
      method('load', '_key: string', 'Uint8Array | undefined'),
      method('save', '_key: string, _value: Uint8Array', 'void'),
      method('delete', '_key: string', 'void'),
      method('keys', '', 'readonly string[]'),
    ],
  },
};
