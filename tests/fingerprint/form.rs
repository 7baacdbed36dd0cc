//! Bodies of `application/x-www-form-urlencoded` (rule 4.13).

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

const FORM: Line = ("Content-Type", "application/x-www-form-urlencoded");

fn of_form(text: &[u8]) -> Fingerprint {
    static BODY: LazyLock<FingerprintRules> = LazyLock::new(|| parts("\"body\""));
    of_body(&BODY, &[FORM], text)
}

#[test]
fn rule_4_13_edge_059_the_spelling_of_a_character_does_not_count() {
    for same in [
        &["a=b c", "a=b+c", "a=b%20c", "%61=b%20%63"][..],
        &["a=~", "a=%7E", "a=%7e"],
        &["é=ü", "%C3%A9=%c3%bc"],
        &["a=1=2", "a=1%3D2"],
        &["a=/?", "a=%2F%3f"],
        &["a=\n", "a=%0A"],
        &["a[]=1", "a%5B%5D=1", "a%5b]=1"],
    ] {
        one(same, |text| of_form(text.as_bytes()));
    }
}

#[test]
fn rule_4_13_edge_059_pairs_of_different_roots_have_no_order() {
    for same in [
        &["a=1&b=2", "b=2&a=1", "b=2&%61=1"][..],
        &["a=1&b=2&a=3", "a=1&a=3&b=2", "b=2&a=1&a=3"],
        &["ab=1&a=2&a-=3", "a-=3&ab=1&a=2"],
        &["a[x]=1&b=2&a[y]=3", "a[x]=1&a[y]=3&b=2"],
        &["a.x=1&b=2&a.y=3", "b=2&a.x=1&a.y=3"],
    ] {
        one(same, |text| of_form(text.as_bytes()));
    }
    // Lists of objects are made of such pairs, by their order.
    for different in [
        &["a=1&a=2", "a=2&a=1"][..],
        &[
            "a[][x]=1&a[][y]=2&a[][x]=3",
            "a[][x]=1&a[][x]=3&a[][y]=2",
            "a[][y]=2&a[][x]=1&a[][x]=3",
        ],
        &["a=1&a[b]=2", "a[b]=2&a=1"],
        &["a.b=1&a=2", "a=2&a.b=1"],
    ] {
        distinct(different, |text| of_form(text.as_bytes()));
    }
}

#[test]
fn rule_4_4_pairs_of_one_root_keep_their_order_in_a_query_too() {
    let rules = parts("\"query\"");
    one(
        &["/?b=0&a[x]=1&a[y]=2", "/?a[x]=1&a[y]=2&b=0"],
        by_path(&rules),
    );
    let different = [
        "/?a[][x]=1&a[][y]=2&a[][x]=3",
        "/?a[][x]=1&a[][x]=3&a[][y]=2",
        "/?a%5B%5D%5Bx%5D=1&a%5B%5D%5bx%5d=3&a%5B%5D%5By%5D=2",
        "/?a%5B%5D%5Bx%5D=1&a%5B%5D%5By%5D=2&a%5b%5d%5Bx%5D=3",
    ];
    distinct(&different, by_path(&rules));
}

#[test]
fn rule_4_13_every_name_and_value_counts() {
    let different = [
        "",
        "&",
        "&&",
        "=",
        "a",
        "a=",
        "A",
        "=a",
        "a=a",
        "a&",
        "a=1",
        "a=1&",
        "a=1&b",
        "a=1&b=",
        "a=1&b=2",
        "a=2&b=1",
        "a=1%26b%3D2",
        "a%3D1",
        "a=1;b=2",
        "a=1&&b=2",
        "a=1&a=1",
        "a=1&a=1&a=1",
        "a=%00",
        "a=%2B",
        "a=+",
        "a=%2520",
        "a=1\n",
        "a=é",
        "a=e\u{301}",
        "a[]=1",
        "a[0]=1",
        "a.b=1",
    ];
    distinct(&different, |text| of_form(text.as_bytes()));
}

#[test]
fn rule_4_13_what_does_not_decode_counts_by_its_bytes() {
    let broken: [&[u8]; 13] = [
        b"a=%",
        b"a=%2",
        b"a=%zz",
        b"a=%+1",
        b"a=%-1",
        b"%=a",
        b"a=1&b=%",
        b"a=\xff",
        b"a=%ff",
        b"a=%C3",
        b"a=\xc3%A9%",
        b"a=%ED%A0%80",
        b"a=%C0%AF",
    ];
    for text in broken {
        let plain = of_body(&parts("\"body\""), &[PLAIN], text);
        assert_eq!(of_form(text), plain, "{}", text.escape_ascii());
    }
    distinct(&broken, |text| of_form(text));
    let many = |count: usize| vec!["a"; count].join("&").into_bytes();
    let plain = |text: &[u8]| of_body(&parts("\"body\""), &[PLAIN], text);
    assert_ne!(of_form(&many(1 << 16)), plain(&many(1 << 16)));
    assert_eq!(of_form(&many((1 << 16) + 1)), plain(&many((1 << 16) + 1)));
}

#[test]
fn rule_4_13_a_form_is_what_its_media_type_says() {
    let rules = parts("\"body\"");
    for (kind, meaning) in [
        ("application/x-www-form-urlencoded", true),
        ("Application/X-WWW-Form-Urlencoded; charset=UTF-8", true),
        ("application/x-www-form-urlencoded; charset=utf-16", false),
        (
            "application/x-www-form-urlencoded; charset=iso-8859-1",
            false,
        ),
        ("application/x-www-form-urlencoded; =", false),
        ("text/plain", false),
    ] {
        let print = |text: &[u8]| of_body(&rules, &[("Content-Type", kind)], text);
        assert_eq!(print(b"a=+&b") == print(b"b&a=%20"), meaning, "{kind}");
    }
    // By meaning, by bytes, and as JSON: never the same.
    let kinds = [FORM, PLAIN, JSON];
    distinct(&kinds, |kind| of_body(&rules, &[*kind], b"1"));
}

type Pair = (String, Option<String>);

fn word() -> impl Strategy<Value = String> {
    "[ab%&=+ \\[é.]{0,3}"
}

/// `text` with every character that has to be escaped, and those that `choices` say, escaped.
fn escape(text: &str, choices: &mut impl Iterator<Item = u8>) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match choices.next().unwrap_or(0) % 3 {
            0 if !"%&=+".contains(character) => out.push(character),
            1 if character == ' ' => out.push('+'),
            upper => {
                for byte in character.to_string().bytes() {
                    out += &match upper {
                        1 => format!("%{byte:02X}"),
                        _ => format!("%{byte:02x}"),
                    };
                }
            }
        }
    }
    out
}

fn write(pairs: &[Pair], choices: &[u8]) -> String {
    let mut choices = choices.iter().copied().cycle();
    let mut texts = Vec::new();
    for (name, value) in pairs {
        let name = escape(name, &mut choices);
        texts.push(match value {
            Some(value) => format!("{name}={}", escape(value, &mut choices)),
            None => name,
        });
    }
    texts.join("&")
}

/// What a form means, written down apart from the code: the pairs of each root, in their order.
fn meaning(pairs: &[Pair]) -> std::collections::BTreeMap<String, Vec<Pair>> {
    let mut roots = std::collections::BTreeMap::new();
    for pair in pairs {
        let end = pair.0.find(['[', '.']).unwrap_or(pair.0.len());
        let root: &mut Vec<Pair> = roots.entry(pair.0[..end].to_owned()).or_default();
        root.push(pair.clone());
    }
    roots
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn rule_4_13_forms_are_equal_exactly_where_their_meanings_are(
        a in vec((word(), proptest::option::of(word())), 1..4),
        b in vec((word(), proptest::option::of(word())), 1..4),
        order in any::<prop::sample::Selector>(),
        spelling in vec(any::<u8>(), 1..40),
    ) {
        let mut shuffled = a.clone();
        shuffled.sort_by_key(|pair| order.select(0..1000_u32) + u32::try_from(pair.0.len()).unwrap_or(0));
        for other in [&a, &b, &shuffled] {
            let (text, other_text) = (write(&a, &[0]), write(other, &spelling));
            prop_assert_eq!(
                of_form(text.as_bytes()) == of_form(other_text.as_bytes()),
                meaning(&a) == meaning(other),
                "{} and {}", text, other_text
            );
        }
    }
}
