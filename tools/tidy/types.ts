/** One tracked file. `text` is empty for files that are not text. */
export interface TrackedFile {
  /** Path from the top folder, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly sizeBytes: number;
}

/** Something that breaks a rule. `line` counts from 1; it is absent when a whole file or folder is meant. */
export interface Finding {
  readonly path: string;
  readonly line?: number;
  readonly message: string;
}

export interface Rule {
  readonly name: string;
  /** How many things the rule looked at, so that a rule that sees nothing shows. */
  check(files: readonly TrackedFile[]): { readonly looked: number; readonly findings: readonly Finding[] };
}

/** A place where a rule does not hold, with the reason. One that no longer matches anything is itself a finding. */
export interface Exception {
  readonly rule: string;
  readonly path: RegExp;
  readonly because: string;
}
