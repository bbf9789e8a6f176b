/** How every state was first reached: from which other one, by which of its choices. Six bytes a state. */
export class Trail {
  size = 0;
  private parents = new Uint32Array(1 << 14);
  private chosen = new Uint16Array(1 << 14);

  /** `parent`: number of the state before; for an initial state any number, `choice` is then its place among the initial ones. */
  push(parent: number, choice: number): void {
    if (this.size === this.parents.length) this.grow();
    this.parents[this.size] = parent;
    this.chosen[this.size] = choice;
    this.size += 1;
  }

  /** Places of the choices from an initial state (whose own place comes first) to state `number`. */
  to(number: number, roots: number): readonly number[] {
    const places: number[] = [];
    let at = number;
    while (at >= roots) {
      places.push(this.chosen[at] ?? 0);
      at = this.parents[at] ?? 0;
    }
    return [this.chosen[at] ?? 0, ...places.reverse()];
  }

  private grow(): void {
    const parents = new Uint32Array(this.parents.length * 2);
    parents.set(this.parents);
    this.parents = parents;
    const chosen = new Uint16Array(this.chosen.length * 2);
    chosen.set(this.chosen);
    this.chosen = chosen;
  }
}
