/** Guarantee: nobody else can guess or repeat what comes out. A simulation gives a seeded one. */
export interface Random {
  /** Fills `into` and gives it back. */
  bytes(into: Uint8Array): Uint8Array;
  /** A fresh identity of 128 random bits, in 32 hexadecimal digits. */
  id(): string;
}
