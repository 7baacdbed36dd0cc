// A contract as the suite sees it: the facts that all checks need, and the list of its rows. A row is one rule of the
// published document in our own words, and the check that proves it.

import type { Bench } from "./bench.ts";
import type { HeaderLine } from "./client.ts";

/** A request of the API. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly type?: string;
  readonly body?: string | Uint8Array;
}

/** What a refusal must look like; what is left out is not looked at. */
export interface Refusal {
  readonly status?: number | readonly number[];
  readonly code?: string;
  readonly message?: string;
}

export interface Contract {
  /** As `--contract` takes it. */
  readonly name: string;
  /** Title or address of the document that the rows are read from. */
  readonly document: string;
  /** What the server under test must guard, as routes of a policy. */
  readonly guards: readonly string[];
  /** The operation that most rows use. */
  readonly operation: Operation;
  readonly key: {
    readonly header: string;
    /** The greatest length. */
    readonly max: number;
    /** A key that nobody has used; default: a UUID. */
    readonly fresh?: () => string;
    /** The answer to a key that is none; default: 400. */
    readonly refused?: Refusal;
  };
  /** The header that says who is asking; default: a bearer token. */
  readonly credential?: (token: string) => HeaderLine;
  readonly marker: { readonly header: string; readonly value: string };
  /** The answer to another request under a known key. Left out: nothing is compared. */
  readonly mismatch?: Refusal;
  readonly running: Refusal & {
    /** Seconds that a duplicate may be kept waiting for the first answer. */
    readonly waits?: number;
  };
  /** Where error bodies carry their code and their message: JSON pointers, the first that is there counts. */
  readonly errors: { readonly code: readonly string[]; readonly message: readonly string[] };
  readonly rows: readonly Row[];
}

/** How a rule is proved. */
export interface Check {
  /** Stable, unique within a contract. */
  readonly id: string;
  /** Throws `Unlike` if the rule does not hold, `NotOffered` if the server lacks the feature. */
  run(bench: Bench): Promise<void>;
}

export interface Row extends Check {
  /** The rule, in our own words. */
  readonly rule: string;
  /** The section of the document that states it; `undefined`: the document is silent, the value is a choice. */
  readonly section: string | undefined;
}

/** A rule that the document states, in this section of it. */
export const said = (section: string, rule: string, check: Check): Row => ({ ...check, rule, section });

/** A rule on which the document is silent. A server that does otherwise is reported as `differs`, unless `--strict`. */
export const choice = (rule: string, check: Check): Row => ({ ...check, rule, section: undefined });

/** The printed examples, which must run as they stand. */
export const example = (section: string, rule: string, check: Check): Row => ({ ...check, id: `example-${check.id}`, rule: `example: ${rule}`, section });
