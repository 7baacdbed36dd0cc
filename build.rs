//! Checks the policy and every contract, and compiles their texts in.
//!
//! The reader is the Worker's own, so what builds here is what the Worker can read (rule 10.1). An error ends the
//! build with its file and line.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use reprise_policy::contract::Contract;
use reprise_policy::policy::Policy;

const CONTRACTS: &str = "contracts";

fn main() -> ExitCode {
    match compile() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn compile() -> Result<(), String> {
    let label = env::var("REPRISE_POLICY").unwrap_or_else(|_| "reprise.toml".to_owned());
    println!("cargo::rerun-if-env-changed=REPRISE_POLICY");
    println!("cargo::rerun-if-changed={label}");
    println!("cargo::rerun-if-changed={CONTRACTS}");
    let text = read(Path::new(&label))?;
    let contracts = contracts()?;
    let pairs: Vec<(&str, &str)> = contracts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    check(&label, &text, &pairs)?;
    let out = env::var("OUT_DIR").map_err(|error| format!("OUT_DIR: {error}"))?;
    let path = Path::new(&out).join("compiled.rs");
    fs::write(&path, generate(&text, &pairs))
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// Every file of `contracts/`, by name: a new contract is a new file, and no code.
fn contracts() -> Result<Vec<(String, String)>, String> {
    let files = fs::read_dir(CONTRACTS).map_err(|error| format!("{CONTRACTS}: {error}"))?;
    let mut contracts = Vec::new();
    for file in files {
        let path = file
            .map_err(|error| format!("{CONTRACTS}: {error}"))?
            .path();
        let name = path.file_stem().and_then(|name| name.to_str());
        if let (Some(name), Some("toml")) = (name, path.extension().and_then(|end| end.to_str())) {
            contracts.push((name.to_owned(), read(&path)?));
        }
    }
    contracts.sort();
    Ok(contracts)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// All contracts, those too that no route names, then the policy. Reports everything that is wrong.
fn check(label: &str, text: &str, contracts: &[(&str, &str)]) -> Result<(), String> {
    let mut problems = Vec::new();
    for (name, text) in contracts {
        problems.extend(
            Contract::parse(name, text)
                .err()
                .into_iter()
                .flat_map(|found| found.0),
        );
    }
    problems.extend(
        Policy::parse(label, text, contracts)
            .err()
            .into_iter()
            .flat_map(|found| found.0),
    );
    problems.sort();
    problems.dedup();
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("error: {problem}"))
        .collect();
    if lines.is_empty() {
        Ok(())
    } else {
        Err(lines.join("\n"))
    }
}

/// Rust source with the texts as constants.
fn generate(policy: &str, contracts: &[(&str, &str)]) -> String {
    let mut code = String::new();
    let plain = without_comments(policy);
    // Writing to a String cannot fail.
    let _ = writeln!(
        code,
        "/// The policy of this build.\npub const POLICY: &str = {plain:?};\n"
    );
    let _ = writeln!(
        code,
        "/// Every contract of this build: name and text.\npub const CONTRACTS: &[(&str, &str)] = &["
    );
    for (name, text) in contracts {
        let _ = writeln!(code, "    ({name:?}, {:?}),", without_comments(text));
    }
    code.push_str("];\n");
    code
}

/// The text without the lines that hold nothing but a comment, which the Worker would only carry around. A text with
/// multi-line strings stays as it is: in one of them, such a line is no comment.
fn without_comments(text: &str) -> String {
    if text.contains("\"\"\"") || text.contains("'''") {
        return text.to_owned();
    }
    let says = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    text.lines()
        .filter(says)
        .flat_map(|line| [line, "\n"])
        .collect()
}
