/** Where a log stops being what was written. */
export interface Fault {
  readonly file: string;
  readonly line?: number;
  readonly seq?: number;
  readonly what: string;
  /** The log begins in another format: not tampering, but another version's log. */
  readonly foreignVersion?: true;
}

/** Thrown inside verification, to leave the walk at the first fault. */
export class Stop extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.what);
    this.fault = fault;
  }
}
