// Is there an order of events that explains everything that was seen of one claim?
//
// The claim is a small machine: absent → running(owner) → done | spent | unknown, and back to absent by a release. Nobody sees
// its steps; one sees calls (each an interval in which its `begin` lies), arrivals at the origin, and answers. The search walks
// through the history in the order of time with the set of *all* states in which the machine can be, together with which open
// calls have taken effect (Wing and Gong's search, all branches at once). Before something ends, every hidden step that may have
// happened is taken, or not; then the states that contradict what ended are dropped. No state left: no order explains it.
//
// Why it is right: a hidden step has a time from which it is possible and an end of that time, and every such end is an event
// here. So a set of states after an event is exactly the set of ends of all orders of steps that agree with everything up to
// that event. A call that only looks (replayed, running, mismatch, unknown, spent) changes nothing, so it is taken as soon as
// one state agrees with its answer: taking it later could not reach more. A call without an answer may take effect or not,
// at any time until its runtime is killed.

import type { ClaimHistory } from "./checker.ts";
import type { Call, Execution, History, Run } from "./history.ts";
import type { Breach } from "./rules.ts";

type Phase = "absent" | "running" | "done" | "spent" | "unknown";

/** One state in which the claim can be. */
interface State {
  readonly phase: Phase;
  /** The call whose attempt owns the claim. */
  readonly owner: number | undefined;
  /** Whether the owner has reached the origin. */
  readonly arrived: boolean;
  /** Open calls that have begun as owners. */
  readonly begun: ReadonlySet<number>;
  /** Open calls whose answer this order has explained. */
  readonly seen: ReadonlySet<number>;
}

/** A call, and what can be known of it beforehand. */
interface Known {
  readonly call: Call;
  readonly execution: Execution | undefined;
  readonly looks: boolean;
  /** Until when its `begin` may happen. */
  readonly until: number;
}

/** More open calls than any harness makes; the search would not end. */
const MAX_STATES = 100_000;

/** What the gateway says to the owner of a claim whose outcome it holds. */
const HELD_BY_OWNER = new Set(["origin-no-answer", "origin-deadline", "origin-broke-off"]);

/** Refusals that come before anything is claimed. */
const CLAIMS_NOTHING = /^(key-|body-|first-sent-|credential-|policy-|loop-)/;

/** The order in which things of the same time are taken: what opens goes before what closes. */
type Event = readonly [time: number, kind: "start" | "arrival" | "end", of: Known];

export function explain(claim: ClaimHistory, history: History): Breach[] {
  const known = claim.calls.filter((call) => call.class !== "error" || !CLAIMS_NOTHING.test(call.code ?? "")).map((call) => knowing(call, claim, history));
  return new Search(known, history).run();
}

function knowing(call: Call, claim: ClaimHistory, history: History): Known {
  const execution = claim.executions.find((each) => each.call === call.id);
  const looks =
    execution === undefined &&
    (["replayed", "running", "mismatch", "spent"].includes(call.class) || (call.class === "unknown" && !HELD_BY_OWNER.has(call.code ?? "") && call.code !== "outcome-unrecorded"));
  const killed = history.kills.filter(({ at }) => at >= call.start).map(({ at }) => at);
  return { call, execution, looks, until: call.end ?? Math.min(...killed, Number.POSITIVE_INFINITY) };
}

function eventsOf(known: readonly Known[]): Event[] {
  const events = known.flatMap((each): Event[] => {
    const of: Event[] = [[each.call.start, "start", each]];
    if (each.execution !== undefined) of.push([each.execution.start, "arrival", each]);
    if (each.until < Number.POSITIVE_INFINITY) of.push([each.until, "end", each]);
    return of;
  });
  const rank = { start: 0, arrival: 1, end: 2 };
  return events.sort(([a, kindA], [b, kindB]) => a - b || rank[kindA] - rank[kindB]);
}

class Search {
  readonly #known: Map<number, Known>;
  readonly #run: Run;
  readonly #skew: number;
  readonly #events: readonly Event[];
  readonly #open = new Map<number, Known>();
  #states = new Map<string, State>();

  constructor(known: readonly Known[], { run, skew_ms }: History) {
    this.#known = new Map(known.map((each) => [each.call.id, each]));
    this.#run = run;
    this.#skew = skew_ms;
    this.#events = eventsOf(known);
    this.#add({ phase: "absent", owner: undefined, arrived: false, begun: new Set(), seen: new Set() });
  }

  run(): Breach[] {
    for (const [time, kind, each] of this.#events) {
      if (kind === "start") {
        this.#open.set(each.call.id, each);
        continue;
      }
      this.#takeHiddenSteps(time);
      const before = [...this.#states.values()];
      const left = before.filter((state) => (kind === "arrival" ? hasArrived(state, each) : agrees(state, each, this.#run)));
      if (left.length === 0) return [breach(kind, each, before)];
      if (kind === "end") this.#open.delete(each.call.id);
      this.#states = new Map();
      for (const state of left) this.#add(kind === "end" ? forget(state, each.call.id) : state);
    }
    return [];
  }

  /** Every state that hidden steps can have led to by `time`. */
  #takeHiddenSteps(time: number): void {
    const todo = [...this.#states.values()];
    this.#states = new Map();
    for (const state of todo) {
      const looked = this.#look(state);
      if (!this.#add(looked)) continue;
      todo.push(...this.#steps(looked, time));
      if (todo.length > MAX_STATES) throw new Error("too many calls without an answer on one key: the search would not end");
    }
  }

  #add(state: State): boolean {
    const name = JSON.stringify([state.phase, state.owner, state.arrived, [...state.begun].sort(), [...state.seen].sort()]);
    if (this.#states.has(name)) return false;
    this.#states.set(name, state);
    return true;
  }

  /** Every open call that only looks, and whose answer fits, has looked. */
  #look(state: State): State {
    const seen = new Set(state.seen);
    for (const [id, each] of this.#open) if (each.looks && this.#shows(state, each.call)) seen.add(id);
    return seen.size === state.seen.size ? state : { ...state, seen };
  }

  #shows({ phase, owner }: State, call: Call): boolean {
    const first = owner === undefined ? undefined : this.#known.get(owner);
    if (first === undefined) return false;
    const same = first.call.print === call.print;
    if (call.class === "mismatch") return !same;
    if (!same) return false;
    if (call.class === "replayed") return phase === "done" && first.execution?.run === call.run;
    return phase === call.class;
  }

  #steps(state: State, time: number): State[] {
    const { phase, owner, arrived } = state;
    if (phase === "absent") return this.#begins(state);
    const first = owner === undefined ? undefined : this.#known.get(owner);
    if (first === undefined || phase === "done" || phase === "spent") return [];
    const steps: State[] = [];
    const { execution } = first;
    if (phase === "running" && !arrived && execution !== undefined && time >= execution.start - this.#skew) steps.push({ ...state, arrived: true });
    if (arrived && execution?.how === "answered" && execution.end !== null && execution.end <= time) steps.push(...this.#settled(state, first, execution));
    if (first.call.code === "origin-not-reached") steps.push(released(state));
    if (phase === "running" && this.#mayBeUnknown(first, time)) steps.push({ ...state, phase: "unknown" });
    return steps;
  }

  #begins(state: State): State[] {
    const able = [...this.#open.values()].filter(({ looks, call }) => !looks && !state.begun.has(call.id));
    return able.map(({ call }) => ({ ...state, phase: "running", owner: call.id, arrived: false, begun: new Set([...state.begun, call.id]) }));
  }

  #settled(state: State, { call }: Known, { status, size }: Execution): State[] {
    // Who was told that the outcome is held was told so after it was held.
    if (call.class === "unknown" && call.code !== "outcome-unrecorded") return [];
    if (this.#run.released.includes(status ?? 0)) return [released(state)];
    const done: State = { ...state, phase: "done" };
    return size > this.#run.inline_limit ? [done, { ...state, phase: "spent" }] : [done];
  }

  /** The outcome was held, or the lease is over. A whole answer is held by nobody, except one that may have come too late. */
  #mayBeUnknown({ call, execution }: Known, time: number): boolean {
    const { lease_ms, deadline_ms } = this.#run;
    if (time >= call.start + lease_ms || HELD_BY_OWNER.has(call.code ?? "")) return true;
    if (execution?.how !== "answered" || execution.end === null) return true;
    return call.end === null && execution.end >= call.start + deadline_ms;
  }
}

function released(state: State): State {
  return { ...state, phase: "absent", owner: undefined, arrived: false };
}

function forget(state: State, id: number): State {
  const [begun, seen] = [new Set(state.begun), new Set(state.seen)];
  begun.delete(id);
  seen.delete(id);
  return { ...state, begun, seen };
}

function hasArrived(state: State, { call }: Known): boolean {
  return state.owner === call.id && state.arrived;
}

/** Whether this state can be the one behind the answer of a call that has just ended. */
function agrees(state: State, { call, execution, looks }: Known, run: Run): boolean {
  if (looks) return state.seen.has(call.id);
  const owns = state.owner === call.id;
  // Its execution has arrived and ended; its release may be confirmed or not (rule 7.6), and others may have the key by now.
  if (call.class === "fresh" && run.released.includes(execution?.status ?? 0)) return true;
  if (call.class === "fresh") return owns && (state.phase === "done" || state.phase === "spent");
  if (call.code === "outcome-unrecorded") return owns && state.arrived;
  if (HELD_BY_OWNER.has(call.code ?? "")) return owns && (state.phase === "running" || state.phase === "unknown");
  return true;
}

function breach(kind: Event[1], { call, execution }: Known, before: readonly State[]): Breach {
  const could = [...new Set(before.map(({ phase, owner }) => (owner === undefined ? phase : `${phase} for call ${owner}`)))].join(", or ");
  const phases = new Set(before.map(({ phase }) => phase));
  if (kind === "arrival") {
    const rule = phases.has("unknown") ? "executed-after-unknown" : "executed-without-permit";
    return { rule, detail: `run ${execution?.run} of call ${call.id} reached the origin when the claim could only be ${could}` };
  }
  const rules = { replayed: "replay-of-unknown", running: "running-while-nothing-runs", mismatch: "mismatch-of-nothing", unknown: "unknown-while-known", spent: "answer-lost" };
  const rule = call.class in rules ? rules[call.class as keyof typeof rules] : `${call.class}-unexplained`;
  return { rule, detail: `call ${call.id} was told ${call.class}${call.code === null ? "" : ` (${call.code})`} when the claim could only be ${could}` };
}
