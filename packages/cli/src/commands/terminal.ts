/** What commands talk to; a test gives its own. */
export interface Terminal {
  /** Results, to standard output. */
  out(text: string): void;
  /** What happens on the way, to standard error. */
  note(text: string): void;
  /** A line that the next one takes the place of; nothing where nobody watches. */
  progress(text: string): void;
  /** One line typed by a person; undefined when nobody is there to type. */
  ask(question: string): Promise<string | undefined>;
  readonly isInteractive: boolean;
  readonly columns: number;
}
