//! Known defects, each put in on demand, and each found: a simulation that finds nothing proves nothing. The numbers are those of
//! the defects that were seen in other implementations; the last four are what this simulation found here.

use reprise_sim::defect::Defect;
use reprise_sim::faults::Fault;
use reprise_sim::plan::Setting;
use reprise_sim::promises::Promise;
use reprise_sim::run::run;

/// Every route, every fault.
const ALL: Setting = Setting {
    defect: None,
    route: None,
    faults: &[],
};

/// One route, with these faults only.
const fn only(route: &'static str, faults: &'static [(Fault, u64)]) -> Setting {
    Setting {
        defect: None,
        route: Some(route),
        faults,
    }
}

/// What makes owners late.
const LATE: &[(Fault, u64)] = &[
    (Fault::CallLost, 50),
    (Fault::CallSlow, 150),
    (Fault::WorkerStalls, 350),
    (Fault::TooLate, 300),
];

/// What makes owners die, and answers get lost.
const LOST: &[(Fault, u64)] = &[(Fault::WorkerDies, 60), (Fault::NoAnswer, 400)];

/// What keeps a shard out of reach, and KV from finding what it has.
const OUT: &[(Fault, u64)] = &[
    (Fault::ShardGone, 60),
    (Fault::GetMisses, 300),
    (Fault::WorkerDies, 60),
];

/// Each of these promises is the first that some seed breaks, within so many.
fn catches(defect: Defect, setting: Setting, seeds: u64, promises: &[Promise]) {
    let broken = Setting {
        defect: Some(defect),
        ..setting
    };
    let mut missing = promises.to_vec();
    for seed in 0..seeds {
        let Some(violation) = run(seed, broken, false).violation else {
            continue;
        };
        let before = missing.len();
        missing.retain(|promise| *promise != violation.promise);
        if missing.len() < before {
            let text = violation.promise.text();
            println!("simulation: {defect:?} is caught by seed {seed}: {text}");
        }
        if missing.is_empty() {
            return;
        }
    }
    panic!("{defect:?}: {seeds} seeds do not break {missing:?} first");
}

macro_rules! mutations {
    ($($test:ident: $defect:ident, $setting:expr, within $seeds:literal => [$($promise:ident),+];)*) => {
        $(
            #[test]
            fn $test() {
                catches(Defect::$defect, $setting, $seeds, &[$(Promise::$promise),+]);
            }
        )*

        #[test]
        fn every_defect_is_tried_and_every_promise_is_broken_by_some() {
            let tried = [$(Defect::$defect),*];
            for defect in Defect::ALL {
                assert!(tried.contains(defect), "{defect:?}");
            }
            let broken = [$($(Promise::$promise),+),*];
            for promise in Promise::ALL {
                assert!(broken.contains(promise), "{promise:?}");
            }
        }
    };
}

mutations! {
    edge_201_a_waiter_that_gives_up_deletes_the_claim: WaiterDeletesClaim, only("wait-again", &[]), within 200 => [ExecutedOnce];
    edge_212_an_attempt_does_not_recognise_itself: ForgetsItself, ALL, within 200 => [RunningEndsWithTheLease, UsableAgain];
    edge_214_settle_has_no_owner_token: SettleWithoutOwner, only("wait-again", LATE), within 2000 => [ExecutedOnce, OneAnswer];
    edge_239_a_lock_without_a_lease_outlives_its_worker: NoLease, ALL, within 200 => [RunningEndsWithTheLease];
    a_claim_is_passed_on_within_its_lease: PassedOnWithinLease, only("run-again", LATE), within 200 =>
        [OnePermit, ExecutedOnce];
    what_is_unknown_runs_again: UnknownRuns, ALL, within 1000 => [UnknownIsHeld, ExecutedOnce];
    done_ends_with_the_lease: DoneEndsWithLease, ALL, within 200 => [ExecutedOnce];
    done_never_expires: DoneForever, ALL, within 200 => [NoAnswerAfterExpiry];
    an_expired_key_is_not_refused: NotRefused, ALL, within 1000 => [ExecutedOnce];
    another_fingerprint_is_not_noticed: NoFingerprint, ALL, within 200 => [AnswerIsNotLost];
    the_scope_is_left_out: ScopeWithoutCaller, ALL, within 1000 => [MismatchOfSomething, NoForeignAnswer];
    the_answer_is_shown_before_settle: ReplyBeforeSettle, ALL, within 200 => [AnswerIsNotLost];
    what_got_no_answer_is_released: LostIsReleased, ALL, within 200 => [ReleasedForAReason];
    a_call_outlives_the_lease_of_its_permit: CallOutlivesLease, only("wait-again", LATE), within 2000 =>
        [ExecutedOnce, OneCallAtATime];
    a_call_is_made_in_another_name: CallInAnotherName, ALL, within 10 => [ExecutedForACall];
    what_must_not_be_kept_is_kept: PrivateIsKept, only("redactr", &[]), within 200 => [ExpiryIsTold, NeverStored];
    any_record_of_the_key_is_adopted: AdoptAnyRecord, only("run-again", LOST), within 10000 => [OneAnswer];
    a_miss_in_kv_is_taken_for_a_new_key: MissIsNew, ALL, within 1000 => [ExecutedOnce];
    a_body_in_kv_is_believed: KvDecides, only("ietf", &[]), within 5000 => [AnswerIsTheApis];
    a_body_in_kv_is_not_believed: KvIsForgotten, ALL, within 200 => [AnsweredInTheEnd];
    everything_runs_without_the_ledger: RunsWithoutLedger, ALL, within 200 => [GuardedUnlessSaidSo];
    an_answer_that_is_kept_does_not_say_so: ExpiryIsNotTold, ALL, within 200 => [ExpiryIsTold];
    a_replay_is_given_as_a_first_answer: ReplayIsFresh, ALL, within 200 => [FreshIsOwn];
    a_refusal_is_told_as_another_one: WrongRefusal, ALL, within 1000 => [SpentOfSomething, ExpiredKeyWasUsed];
    the_other_generation_is_not_looked_into: NoPeek, ALL, within 200 => [ExecutedOnce];

    rule_8_17_what_is_not_confirmed_is_remembered: RemembersUnconfirmed, ALL, within 5000 => [OneAnswer];

    rule_5_23_another_request_that_gives_way_is_told_as_a_mismatch: OwnMismatchCounts, ALL, within 5000 => [AnswerIsNotLost];
    rule_5_10_another_record_than_the_one_that_is_held_is_confirmed: AnyRecordIsConfirmed, only("probe", LATE), within 4000 =>
        [OneAnswer];
    rule_8_14_a_copy_answers_that_was_never_settled: CopyAlwaysStands, only("probe", OUT), within 10000 => [OneAnswer];
    rule_5_24_the_api_is_asked_while_two_generations_know_two_requests: ProbesBetweenGenerations, only("probe", &[]), within 5000 =>
        [NoAnswerOfAnother];
}
