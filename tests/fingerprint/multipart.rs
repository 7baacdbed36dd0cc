//! Bodies of `multipart/form-data` (rules 4.14, 4.15 and 4.17).

use super::*;
use reprise::protocol::fingerprint::multipart::Hasher;

pub fn of_multipart(boundary: &str, text: &[u8]) -> Fingerprint {
    static BODY: LazyLock<FingerprintRules> = LazyLock::new(|| parts("\"body\""));
    let kind = format!("multipart/form-data; boundary=\"{boundary}\"");
    of_body(&BODY, &[("Content-Type", &kind)], text)
}

pub fn of_plain(text: &[u8]) -> Fingerprint {
    of_body(&parts("\"body\""), &[PLAIN], text)
}

/// A body of parts with these heads and contents, under the boundary `b`.
pub fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (head, content) in parts {
        out.extend(format!("--b\r\n{head}\r\n\r\n").bytes());
        out.extend(*content);
        out.extend(b"\r\n");
    }
    out.extend(b"--b--\r\n");
    out
}

pub fn part(head: &str, content: &str) -> Vec<u8> {
    form(&[(head, content.as_bytes())])
}

pub const A: &str = "Content-Disposition: form-data; name=\"a\"";
const FILE: &str =
    "Content-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\nContent-Type: text/plain";

#[test]
fn rule_4_15_edge_060_boundary_preamble_epilogue_and_padding_do_not_count() {
    let plain = format!("--b\r\n{A}\r\n\r\n1\r\n--b\r\n{FILE}\r\n\r\n2\r\n--b--\r\n");
    let other = |boundary: &str| plain.replace("--b", &format!("--{boundary}"));
    let cases = [
        ("b", plain.clone()),
        ("c", other("c")),
        (
            "----WebKitFormBoundary7MA4YWxk",
            other("----WebKitFormBoundary7MA4YWxk"),
        ),
        ("-", other("-")),
        ("a b", other("a b")),
        ("'()+_,-./:=?", other("'()+_,-./:=?")),
        ("0123456789", other("0123456789")),
        ("b", plain.trim_end().to_owned()),
        ("b", format!("\r\n{plain}")),
        ("b", format!("This is a\r\nform of -- MIME.\r\n{plain}")),
        ("b", format!("{plain}epilogue\r\n--\r\n")),
        ("b", plain.replace("--b\r\n", "--b \t \r\n")),
        ("b", plain.replace("--b--\r\n", "--b--\t \r\n")),
        ("b", plain.replace("--b--\r\n", "--b-- ")),
    ];
    one(&cases, |(boundary, text)| {
        of_multipart(boundary, text.as_bytes())
    });
    assert_ne!(
        of_multipart("b", plain.as_bytes()),
        of_plain(plain.as_bytes())
    );
}

#[test]
fn rule_4_15_the_spelling_of_a_head_does_not_count() {
    let one_kind =
        "Content-Disposition: form-data; name=\"f\"; filename=\"x\"\r\nContent-Type: text/plain";
    let heads = [
        one_kind,
        "content-disposition:form-data;name=f;filename=x\r\ncontent-type:\ttext/plain \t",
        "Content-Type: Text/PLAIN; charset=\"UTF-8\"\r\nCONTENT-DISPOSITION: Form-Data ; Name = \"f\" ;\tFileName=x ",
    ];
    one(&heads, |head| of_multipart("b", &part(head, "1")));
}

#[test]
fn rule_4_14_edge_061_name_filename_type_content_and_order_count() {
    let a: (&str, &[u8]) = (A, b"1");
    let file: (&str, &[u8]) = (FILE, b"2");
    let mut different = vec![
        form(&[a, file]),
        form(&[file, a]),
        form(&[a]),
        form(&[file]),
        form(&[]),
        form(&[a, a]),
    ];
    for content in [
        "",
        "1\r\n",
        "\r\n1",
        "\r\n",
        "\n",
        "\r",
        "-",
        "--",
        "\r\n--",
        "\r\n--\r\n",
        "1 ",
        "12",
        "\r\n-b--",
    ] {
        different.push(part(A, content));
    }
    different.push(form(&[(A, b"\0")]));
    different.push(form(&[(A, b"\xff")]));
    different.push(form(&[(A, b""), (A, b"1")]));
    different.push(form(&[(A, b"1"), (A, b"")]));
    for rest in [
        "name=\"A\"",
        "name=\"\"",
        "name=\" a\"",
        "name=\"a\"; filename=\"\"",
        "name=\"a\"; filename=\"a\"",
        "filename=\"a\"",
        "name=\"a; filename=a\"",
        "filename=\"a\"; name=\"a\"",
        "name=\"a\"; filename*=UTF-8''a",
        "name=\"é\"",
        "name=\"%C3%A9\"",
        "name=\"a%22\"",
        "name=\"a\\\"\"",
        "name=\"a\\\\\"",
        "name=\"a\\\\\" ",
        "name=\"a\"; x=1",
        "name=\"a",
        "name=a b",
        "name",
        "",
        "=",
        ";",
        "name=\"a\"; name=\"b\"",
        "name=\"b\"; name=\"a\"",
    ] {
        different.push(part(
            &format!("Content-Disposition: form-data; {rest}"),
            "1",
        ));
    }
    // White space behind a line is no part of it, so these two are one.
    let spaced = different
        .iter()
        .position(|text| text.ends_with(b"\\\\\" \r\n\r\n1\r\n--b--\r\n"));
    different.remove(spaced.expect("one of them"));
    for more in [
        "Content-Type: text/plain",
        "Content-Type: text/html",
        "Content-Type: text/plain; a=b",
        "Content-Type:",
        "Content-Type: text",
        "Content-Type: TEXT",
        "X-A: 1",
        "X-A: 2",
        "X-A:",
        "X-B: 1",
        "X-A: 1\r\nX-A: 2",
        "X-A: 2\r\nX-A: 1",
        "Content-Transfer-Encoding: base64",
        "Content-Type: multipart/mixed; boundary=x",
        "Content-Type: multipart/mixed; boundary=y",
    ] {
        different.push(part(&format!("{A}\r\n{more}"), "1"));
    }
    different.push(part("Content-Disposition: attachment; name=\"a\"", "1"));
    distinct(
        &different
            .iter()
            .map(|text| text.escape_ascii().to_string())
            .collect::<Vec<_>>(),
        |shown| {
            let text = different
                .iter()
                .find(|text| text.escape_ascii().to_string() == *shown);
            of_multipart("b", text.expect("one of them"))
        },
    );
}

#[test]
fn rule_4_14_a_disposition_that_readers_differ_on_counts_as_it_is_written() {
    for (rest, as_written) in [
        ("name=\"a\"; filename=\"b\"", false),
        ("name=\"a\"; filename=\"b\\c\"", true),
        ("name=\"a\\\"b\"; filename=\"c\"", true),
        ("name=\"a\"; name=\"a\"", true),
        ("name=\"a\"; NAME=\"a\"", true),
        ("name=\"a\"; b", true),
        ("name=\"a\"; filename=\"b", true),
    ] {
        let print =
            |text: &str| of_multipart("b", &part(&format!("Content-Disposition: {text}"), "1"));
        let spaced = print(&format!("form-data;  {rest}"));
        assert_eq!(
            print(&format!("form-data; {rest}")) != spaced,
            as_written,
            "{rest}"
        );
    }
}

#[test]
fn rule_4_17_the_boundary_counts_with_the_bytes_and_not_with_the_parts() {
    let kind = |boundary: &str| format!("multipart/form-data; boundary={boundary}; v=1");
    let print = |rules: &FingerprintRules, boundary: &str, text: &str| {
        of_body(rules, &[("Content-Type", &kind(boundary))], text.as_bytes())
    };
    let text = |boundary: &str| format!("--{boundary}\r\n{A}\r\n\r\n1\r\n--{boundary}--\r\n");
    let rules = parts("\"media-type\", \"body\"");
    assert_eq!(
        print(&rules, "x", &text("x")),
        print(&rules, "y", &text("y"))
    );
    // Nobody's form: the boundary is all that tells these two apart.
    assert_ne!(print(&rules, "x", "1"), print(&rules, "y", "1"));
    let exact = parts("\"media-type\", \"body:exact\"");
    assert_ne!(print(&exact, "x", "1"), print(&exact, "y", "1"));
    // A body that is not compared has no frame either.
    let alone = parts("\"media-type\"");
    assert_eq!(print(&alone, "x", "1"), print(&alone, "y", "2"));
    // The other parameters count, and so does the boundary of any other type.
    let v2 = [("Content-Type", "multipart/form-data; boundary=x; v=2")];
    assert_ne!(
        print(&rules, "x", &text("x")),
        of_body(&rules, &v2, text("x").as_bytes())
    );
    let mixed = |boundary: &str| {
        let kind = format!("multipart/mixed; boundary={boundary}");
        of_body(&alone, &[("Content-Type", &kind)], b"")
    };
    assert_ne!(mixed("x"), mixed("y"));
    // An encoded form is bytes.
    let coded = |boundary: &str| {
        let kind = kind(boundary);
        of_body(
            &rules,
            &[("Content-Type", &kind), ("Content-Encoding", "gzip")],
            b"1",
        )
    };
    assert_ne!(coded("x"), coded("y"));
}

#[test]
fn rule_4_14_any_bit_of_a_part_counts() {
    let content: Vec<u8> = (0..=255).collect();
    let print = |content: &[u8]| of_multipart("b", &form(&[(A, content)]));
    let whole = print(&content);
    for bit in 0..content.len() * 8 {
        let mut other = content.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(print(&other), whole, "{bit}");
    }
}

#[test]
fn rule_4_15_a_large_form_is_the_same_in_any_chunks() {
    // Delimiters and heads across every edge of a piece, and what looks like a delimiter.
    for length in (16 * 1024 - 120..16 * 1024 + 20).chain([200_000]) {
        let mut content = b"\r\n--".repeat(length / 4 + 1);
        content.truncate(length);
        let text = form(&[(A, &content), (FILE, b"2")]);
        let digest = |chunk: usize| {
            let mut hasher = Hasher::new("b");
            text.chunks(chunk).for_each(|chunk| hasher.update(chunk));
            hasher.finish().expect("a form")
        };
        assert_eq!(digest(text.len()), digest(1021), "{length}");
        let shorter = form(&[(A, &content[1..]), (FILE, b"2")]);
        assert_ne!(
            of_multipart("b", &text),
            of_multipart("b", &shorter),
            "{length}"
        );
    }
}
