//! Any JSON value, in any spelling (rule 4.8).

use super::spelling::*;
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn rule_4_8_any_spelling_of_a_value_is_the_same_body(
        value in json(),
        a in vec(any::<u8>(), 1..60),
        b in vec(any::<u8>(), 1..60),
    ) {
        let a = spell(&value, &mut Choices { list: &a, next: 0 });
        let b = spell(&value, &mut Choices { list: &b, next: 0 });
        let form = canonical(a.as_bytes());
        prop_assert!(form.is_some(), "{} has no meaning", a);
        prop_assert_eq!(&form, &canonical(b.as_bytes()));
        prop_assert_eq!(of_json(a.as_bytes()), of_json(b.as_bytes()));
        // The canonical form is one of its own spellings.
        prop_assert_eq!(form.as_deref().and_then(canonical), form);
    }

    #[test]
    fn rule_4_8_any_leaf_that_changes_makes_another_body(
        value in json(),
        at: prop::sample::Index,
        spelling in vec(any::<u8>(), 1..60),
    ) {
        let mut other = value.clone();
        change_leaf(&mut other, &mut Some(at.index(leaves(&value))));
        let a = spell(&value, &mut Choices { list: &spelling, next: 0 });
        let b = spell(&other, &mut Choices { list: &spelling, next: 0 });
        prop_assert_ne!(of_json(a.as_bytes()), of_json(b.as_bytes()), "{} and {}", a, b);
    }

    #[test]
    fn rule_4_8_a_canonical_form_means_what_its_text_means(
        value in json(),
        spelling in vec(any::<u8>(), 1..60),
    ) {
        let text = spell(&value, &mut Choices { list: &spelling, next: 0 });
        let form = canonical(text.as_bytes()).expect("canonical");
        // Read by another parser. Its doubles are those of the text, -0 apart.
        let read = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).expect("JSON");
        prop_assert_eq!(floats(read(&form)), floats(read(text.as_bytes())));
    }
}

/// All numbers as doubles: `1` and `1.0` are two values to `serde_json`.
fn floats(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Number(number) => {
            // `+ 0.0` takes the sign from a zero.
            Value::from(number.as_f64().expect("a double") + 0.0)
        }
        Value::Array(items) => items.into_iter().map(floats).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, floats(value)))
            .collect(),
        other => other,
    }
}
