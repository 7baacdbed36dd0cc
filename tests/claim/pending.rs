//! Claims of requests whose body is still on its way (docs/protocol.md rules 4.22 and 5.28).

use crate::*;
use reprise::protocol::claim::{Begun, Settled, begin, peek, settle};

/// Attempt `name` with that head, whose body has not come.
fn uploads(name: u8, head_of: u8) -> Begin {
    Begin {
        head: head(head_of),
        fingerprint: None,
        ..asks(name, head_of)
    }
}

/// The claim of attempt 1, whose body is on its way.
fn pending(state: State) -> Claim {
    Claim {
        print: Print::Pending(head(1)),
        ..row(state)
    }
}

fn word(begun: &Begun) -> &'static str {
    match begun {
        Begun::Execute { .. } => "execute",
        Begun::Done { .. } => "done",
        Begun::Running { .. } => "running",
        Begun::Mismatch { .. } => "mismatch",
        Begun::Unknown { same: true, .. } => "unknown",
        Begun::Unknown { same: false, .. } => "unknown, perhaps of another body",
        Begun::BodyNeeded => "body needed",
        Begun::Expired { .. } | Begun::TooManyKeys { .. } => "refused",
    }
}

#[test]
fn rule_4_22_a_claim_is_made_before_the_body_has_come_and_is_compared_by_its_head_till_then() {
    let (Write::Put(claim), Begun::Execute { .. }) = begin(None, &uploads(1, 1), at(START)) else {
        panic!("rule 5.1 holds for uploads too")
    };
    assert_eq!(claim.print, Print::Pending(head(1)));
    // Its own begin again, another upload, and a request whose body is known already.
    for (event, answer) in [
        (uploads(1, 1), "execute"),
        (uploads(2, 1), "running"),
        (uploads(2, 2), "mismatch"),
        (asks(2, 1), "running"),
        (asks(2, 2), "mismatch"),
    ] {
        let (write, begun) = begin(Some(&claim), &event, at(START + 1));
        assert_eq!(write, Write::Keep, "{event:?}");
        assert_eq!(word(&begun), answer, "{event:?}");
    }
}

#[test]
fn rule_5_28_beside_a_whole_request_the_body_is_needed_before_anything_is_said() {
    let moments = [START, START + LEASE, START + RETENTION - 1];
    for (state, row) in states().into_iter().skip(1) {
        for now in moments.map(at) {
            for event in [uploads(2, 1), uploads(2, 2)] {
                let asked = begin(row.as_ref(), &event, now);
                assert_eq!(asked, (Write::Keep, Begun::BodyNeeded), "{state} {now:?}");
            }
        }
    }
    // Also where the contract would run it again: this body is read to be compared, and cannot be sent afterwards.
    let again = Begin {
        run_again: true,
        ..uploads(2, 1)
    };
    let late = at(START + LEASE);
    let asked = begin(Some(&row(State::Running)), &again, late);
    assert_eq!(asked, (Write::Keep, Begun::BodyNeeded));
    let read = Begin {
        run_again: true,
        ..asks(2, 1)
    };
    assert_eq!(peek(Some(&row(State::Running)), &read, late), None);
    assert_eq!(peek(None, &read, late), None, "and the claim may be gone");
}

#[test]
fn rule_5_28_a_body_that_was_read_is_compared_like_any_other() {
    let done = row(State::Done(KEPT.to_vec()));
    let told = |print| peek(Some(&done), &asks(2, print), at(START + 1)).unwrap();
    assert_eq!(word(&told(1)), "done");
    assert_eq!(word(&told(2)), "mismatch");
}

#[test]
fn rule_4_22_the_fingerprint_is_settled_with_the_outcome() {
    for state in [State::Running, State::Unknown] {
        let store = ends(1, ending("store", START));
        let (write, answer) = settle(Some(&pending(state)), store, at(START + 1));
        assert_eq!(answer, Settled::Recorded);
        let claim = applied(Some(pending(State::Running)), write).unwrap();
        assert_eq!(claim.print, Print::Whole(print(1)));
        let told = |print| begin(Some(&claim), &asks(2, print), at(START + 2)).1;
        assert_eq!(word(&told(1)), "done");
        assert_eq!(word(&told(2)), "mismatch");
    }
}

#[test]
fn rule_4_22_an_outcome_that_is_not_known_keeps_what_is_known_of_the_request() {
    for (fingerprint, same, other) in [
        (Some(print(1)), "unknown", "mismatch"),
        (None, "unknown, perhaps of another body", "mismatch"),
    ] {
        let hold = ends(1, Ending::Hold { fingerprint });
        let (write, _) = settle(Some(&pending(State::Running)), hold, at(START + 1));
        let claim = applied(Some(pending(State::Running)), write);
        let told = |print| begin(claim.as_ref(), &asks(2, print), at(START + 2)).1;
        assert_eq!(word(&told(1)), same);
        assert_eq!(word(&told(2)), other);
    }
    // The lease ends without a word from the owner.
    let (write, begun) = begin(
        Some(&pending(State::Running)),
        &uploads(2, 1),
        at(START + LEASE),
    );
    assert_eq!(write, Write::MarkUnknown { fingerprint: None });
    assert_eq!(word(&begun), "unknown, perhaps of another body");
}

#[test]
fn rule_5_17_a_pending_claim_is_passed_on_with_what_the_new_owner_knows() {
    for (event, print) in [
        (uploads(2, 1), Print::Pending(head(1))),
        (asks(2, 1), Print::Whole(print(1))),
    ] {
        let event = Begin {
            run_again: true,
            ..event
        };
        let (write, begun) = begin(Some(&pending(State::Running)), &event, at(START + LEASE));
        assert_eq!(word(&begun), "execute");
        let Write::Put(claim) = write else {
            panic!("rule 5.17")
        };
        assert_eq!((claim.attempt, claim.print), (attempt(2), print));
    }
}

#[test]
fn rule_5_8_a_claim_outlives_the_lease_of_a_long_upload() {
    let event = Begin {
        lease_ms: RETENTION + 1,
        ..uploads(1, 1)
    };
    let (Write::Put(claim), _) = begin(None, &event, at(START)) else {
        panic!("rule 5.1")
    };
    assert_eq!(claim.expires_at, claim.lease_until);
}

#[test]
fn rule_4_22_a_stored_head_is_never_taken_for_a_whole_request() {
    let prints = [Print::Whole(print(1)), Print::Pending(head(1))];
    for print in prints {
        assert_eq!(Print::from_bytes(&print.to_bytes()), Some(print));
    }
    for bytes in [vec![], vec![0; 31], vec![0; 34], vec![1; 33]] {
        assert_eq!(Print::from_bytes(&bytes), None, "{bytes:?}");
    }
}
