//! Bodies that say they are `multipart/form-data` and are not (rule 4.16).

use super::multipart::{A, form, of_multipart, of_plain, part};
use super::*;
use reprise::protocol::fingerprint::multipart::Hasher;

#[test]
fn rule_4_16_what_is_no_form_counts_by_its_bytes() {
    let head = |head: &str| part(head, "1");
    let long = format!("{A}\r\nX: {}", "x".repeat(16 * 1024));
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", b"".to_vec()),
        ("no delimiter", b"a=1".to_vec()),
        ("no end", form(&[(A, b"1")])[..40].to_vec()),
        (
            "an end that is no end",
            form(&[(A, b"1")])
                .strip_suffix(b"--\r\n")
                .expect("--")
                .to_vec(),
        ),
        (
            "half an end",
            form(&[(A, b"1")])
                .strip_suffix(b"-\r\n")
                .expect("-")
                .to_vec(),
        ),
        (
            "text behind the end",
            [form(&[(A, b"1")]).trim_ascii_end(), b"x"].concat(),
        ),
        (
            "a line feed behind the end",
            [form(&[(A, b"1")]).trim_ascii_end(), b"\n"].concat(),
        ),
        (
            "half a line break behind the end",
            [form(&[(A, b"1")]).trim_ascii_end(), b"\r"].concat(),
        ),
        (
            "a longer boundary",
            format!("--b\r\n{A}\r\n\r\n1\r\n--bc\r\n--b--").into_bytes(),
        ),
        ("the boundary inside a line", part(A, "1--b")),
        (
            "a delimiter behind a line feed",
            part(A, &format!("1\n--b\r\n{A}\r\n\r\n2")),
        ),
        (
            "a delimiter before a line feed",
            part(A, &format!("1\r\n--b\n{A}\r\n\r\n2")),
        ),
        (
            "padding before an end",
            format!("--b\r\n{A}\r\n\r\n1\r\n--b --\r\n").into_bytes(),
        ),
        (
            "the boundary in the preamble",
            [b"x--b\r\n".as_slice(), &form(&[(A, b"1")])].concat(),
        ),
        (
            "the boundary in the epilogue",
            [form(&[(A, b"1")]).as_slice(), b"--b"].concat(),
        ),
        (
            "another form in the epilogue",
            [form(&[(A, b"1")]), form(&[(A, b"2")])].concat(),
        ),
        ("no head", b"--b\r\n\r\n1\r\n--b--\r\n".to_vec()),
        (
            "no empty line",
            format!("--b\r\n{A}\r\n--b--\r\n").into_bytes(),
        ),
        (
            "a delimiter behind the empty line",
            format!("--b\r\n{A}\r\n\r\n--b--\r\n").into_bytes(),
        ),
        ("the boundary in a head", head(&format!("{A}\r\n--b: x"))),
        (
            "the boundary in a name",
            head("Content-Disposition: form-data; name=\"--b\""),
        ),
        ("no disposition", head("Content-Type: text/plain")),
        ("two dispositions", head(&format!("{A}\r\n{A}"))),
        (
            "two types",
            head(&format!("{A}\r\nContent-Type: a/b\r\nContent-Type: a/b")),
        ),
        (
            "a folded line",
            head("Content-Disposition: form-data;\r\n name=\"a\""),
        ),
        (
            "a line feed in a head",
            head("Content-Disposition: form-data;\nname=\"a\""),
        ),
        (
            "a carriage return in a head",
            head("Content-Disposition: form-data;\rname=\"a\""),
        ),
        (
            "a zero in a head",
            head("Content-Disposition: form-data; name=\"\0\""),
        ),
        ("no colon", head(&format!("{A}\r\nX"))),
        ("no name", head(&format!("{A}\r\n: x"))),
        ("a space in a name", head(&format!("{A}\r\nX : x"))),
        (
            "a head that is not UTF-8",
            form(&[(A, b"1")])
                .iter()
                .map(|b| if *b == b'a' { 0xe9 } else { *b })
                .collect(),
        ),
        ("a head that is too long", head(&long)),
    ];
    for (what, text) in &bodies {
        assert_eq!(of_multipart("b", text), of_plain(text), "{what}");
        // Nothing of it is left out: even what would be an epilogue counts.
        let longer = [text.as_slice(), b"\r\n"].concat();
        assert_ne!(
            of_multipart("b", text),
            of_multipart("b", &longer),
            "{what}"
        );
        for chunk in [1, 7] {
            let mut hasher = Hasher::new("b");
            text.chunks(chunk).for_each(|chunk| hasher.update(chunk));
            assert!(hasher.finish().is_none(), "{what} in chunks of {chunk}");
        }
    }
}

#[test]
fn rule_4_16_up_to_the_limits_a_form_counts_by_its_parts() {
    let head = |length: usize| {
        part(
            &format!("{A}\r\nX: {}", "x".repeat(length - A.len() - 5)),
            "1",
        )
    };
    let is_form = |text: &[u8]| of_multipart("b", text) != of_plain(text);
    assert!(is_form(&head(16 * 1024)));
    assert!(!is_form(&head(16 * 1024 + 1)));
    let many = |count| form(&vec![(A, b"".as_slice()); count]);
    assert!(is_form(&many(1 << 16)));
    assert!(!is_form(&many((1 << 16) + 1)));
    assert!(
        is_form(b"--b--"),
        "what fetch sends for a form of no fields"
    );
}

#[test]
fn rule_4_16_a_boundary_has_to_be_there_once_and_legal() {
    let long = "b".repeat(71);
    let body = parts("\"body\"");
    for (kind, boundary, meaning) in [
        ("multipart/form-data; boundary=b", "b", true),
        (
            "Multipart/Form-Data;BOUNDARY=\"b\"; charset=utf-8",
            "b",
            true,
        ),
        ("multipart/form-data; boundary=B", "B", true),
        (
            &format!("multipart/form-data; boundary={}", &long[..70]),
            &long[..70],
            true,
        ),
        (
            &format!("multipart/form-data; boundary={long}"),
            &long,
            false,
        ),
        ("multipart/form-data; boundary=B", "b", false),
        ("multipart/form-data", "b", false),
        ("multipart/form-data; boundary=b; boundary=b", "b", false),
        ("multipart/form-data; boundary=\"\"", "", false),
        ("multipart/form-data; boundary=\"b \"", "b ", false),
        ("multipart/form-data; boundary=b#", "b#", false),
        ("multipart/form-data; boundary=", "b", false),
        ("multipart/mixed; boundary=b", "b", false),
        ("multipart/related; boundary=b", "b", false),
        ("multipart/form-data-x; boundary=b", "b", false),
    ] {
        let text = format!("--{boundary}\r\n{A}\r\n\r\n1\r\n--{boundary}--\r\n");
        let print = |text: &str| of_body(&body, &[("Content-Type", kind)], text.as_bytes());
        let same = print(&text) == print(&format!("{text}epilogue"));
        assert_eq!(same, meaning, "{kind}");
    }
}
