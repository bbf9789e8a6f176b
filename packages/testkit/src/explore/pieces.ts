/** Plain JSON; a key whose value is undefined counts as absent. */
type Plain = null | boolean | number | string | object;

interface Shape {
  readonly number: number;
  readonly keys: readonly string[];
}

/**
 * Keeps every JSON value once and gives it a number: equal values, in whatever order their keys stand, are the same object with the same
 * number. So a state of large parts becomes a key of a few words, equality becomes `===`, and work on a part can be remembered by it.
 * What a value consists of is kept once as well: a change of one field costs one object.
 */
export class Pieces {
  private readonly values: Plain[] = [];
  private readonly scalars = new Map<Plain, number>();
  private readonly composed = new Map<string, number>();
  /** Only what is kept itself: a table of passing objects would cost the collector more than looking into them again. */
  private readonly known = new Map<object, number>();
  private readonly shapes = new Map<string, Shape>();
  private readonly orders = new KeyOrder();

  /** Values kept so far. */
  get size(): number {
    return this.values.length;
  }

  /** @throws TypeError for functions, symbols and big integers, which JSON does not have. */
  number(value: Plain): number {
    if (typeof value !== 'object' || value === null) return this.scalar(value);
    const known = this.known.get(value);
    if (known !== undefined) return known;
    return Array.isArray(value) ? this.list(value) : this.fields(value);
  }

  /** The one object that is equal to `value`. Nobody may change it. */
  same<Value extends Plain>(value: Value): Value {
    // What has the number of a value is equal to it, so it has its type.
    return this.values[this.number(value)] as Value;
  }

  /** The value with that number. The caller knows what it has put in. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- who asks for a number knows what it was given for
  piece<Value extends Plain>(number: number): Value {
    const value = this.values[number];
    if (value === undefined) throw new TypeError(`There is no piece number ${String(number)}.`);
    return value as Value;
  }

  private scalar(value: Plain): number {
    const known = this.scalars.get(value);
    if (known !== undefined) return known;
    if (value !== null && !['boolean', 'number', 'string'].includes(typeof value))
      throw new TypeError(`A piece is plain JSON, not a ${typeof value}.`);
    const number = this.values.push(value) - 1;
    this.scalars.set(value, number);
    return number;
  }

  private list(value: readonly unknown[]): number {
    let key = '';
    for (const item of value) key += `,${String(this.number(item as Plain))}`;
    const known = this.composed.get(`[${key}`);
    if (known !== undefined) return known;
    const made = value.map((item) => this.same(item as Plain));
    return this.keep(`[${key}`, made);
  }

  private fields(value: object): number {
    const record = value as Readonly<Record<string, Plain | undefined>>;
    const shape = this.shapeOf(record);
    let key = String(shape.number);
    for (const name of shape.keys) {
      const field = record[name];
      key += field === undefined ? ',' : `,${String(this.number(field))}`;
    }
    const known = this.composed.get(key);
    if (known !== undefined) return known;
    const made: Record<string, Plain> = {};
    for (const name of shape.keys) {
      const field = record[name];
      if (field !== undefined) made[name] = this.same(field);
    }
    return this.keep(key, made);
  }

  private keep(key: string, made: object): number {
    const number = this.values.push(made) - 1;
    this.composed.set(key, number);
    this.known.set(made, number);
    return number;
  }

  /** One shape for all orders of the same keys; keys without a value do not count. */
  private shapeOf(record: Readonly<Record<string, Plain | undefined>>): Shape {
    let place = this.orders;
    for (const name in record) if (record[name] !== undefined) place = place.after(name);
    return (place.shape ??= this.makeShape(record));
  }

  private makeShape(record: Readonly<Record<string, Plain | undefined>>): Shape {
    const keys = Object.keys(record)
      .filter((name) => record[name] !== undefined)
      .sort();
    const text = asText(keys);
    const shape = this.shapes.get(text) ?? { number: this.shapes.size, keys };
    this.shapes.set(text, shape);
    return shape;
  }
}

/** Keys of an object in the order in which they stand, up to one of them. Nearly always the same one comes next. */
class KeyOrder {
  shape: Shape | undefined;
  private usualName: string | undefined;
  private usual: KeyOrder | undefined;
  private readonly others = new Map<string, KeyOrder>();

  after(name: string): KeyOrder {
    if (name === this.usualName && this.usual !== undefined) return this.usual;
    let next = this.others.get(name);
    if (next === undefined) {
      next = new KeyOrder();
      this.others.set(name, next);
    }
    this.usualName ??= name;
    this.usual ??= next;
    return next;
  }
}

/** With the lengths before them, so that no name and no mark within one makes two lists look alike. */
function asText(names: readonly string[]): string {
  let text = '';
  for (const name of names) text += `${String(name.length)}:${name}`;
  return text;
}
