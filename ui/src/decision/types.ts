// What the server says about one expression: its branches, what each saw, and which one fired.

export type Branch = {
  /** Null for the value that holds if no branch fires. */
  readonly index: number | null;
  readonly condition: string;
  readonly then: string;
  readonly value: string;
  readonly variables: readonly (readonly [string, string])[];
  readonly fired: boolean;
};

export type Explained = {
  readonly property: string;
  readonly branches: readonly Branch[];
  readonly name?: string | null;
  readonly result?: string | null;
};
