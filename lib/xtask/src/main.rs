//! Writes the files that are made from code, or checks that they are what the code makes; and starts the benchmarks.
//!
//! `cargo xtask generate` writes, `cargo xtask check` compares, `cargo xtask bench` measures.

mod bench;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A file that is made from code.
struct Generated {
    path: &'static str,
    text: String,
}

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let result = match command.as_str() {
        "generate" => generated().iter().try_for_each(write),
        "check" => generated().iter().try_for_each(check),
        "bench" => bench::run(std::env::args_os().skip(2)),
        _ => Err("usage: cargo xtask generate | check | bench cold | load | growth …".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "{problem}");
            ExitCode::FAILURE
        }
    }
}

fn generated() -> Vec<Generated> {
    let document = tenantry_api::openapi(&tenantry_local::groups());
    let text = serde_json::to_string_pretty(&document).expect("the API document is plain data");
    vec![Generated {
        path: "infra/openapi/openapi.json",
        text: format!("{text}\n"),
    }]
}

fn write(generated: &Generated) -> Result<(), String> {
    let path = in_workspace(generated.path);
    fs::write(&path, &generated.text).map_err(|error| format!("{}: {error}", generated.path))
}

fn check(generated: &Generated) -> Result<(), String> {
    let present = fs::read_to_string(in_workspace(generated.path)).unwrap_or_default();
    if present == generated.text {
        return Ok(());
    }
    Err(format!(
        "{} is not what the code makes: run `cargo xtask generate` and read the difference",
        generated.path
    ))
}

fn in_workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
