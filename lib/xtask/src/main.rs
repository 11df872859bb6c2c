//! Writes the files that are made from code, or checks that they are what the code makes; and starts the benchmarks.
//!
//! `cargo xtask generate` writes, `cargo xtask check` compares, `cargo xtask release-events` promises what events look like,
//! `cargo xtask bench` measures.

mod bench;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tenantry_domain::schema::{breaks, event_schemas};

/// A file that is made from code.
struct Generated {
    path: String,
    text: String,
}

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let result = match command.as_str() {
        "generate" => generated().iter().try_for_each(write),
        "check" => generated()
            .iter()
            .try_for_each(check)
            .and_then(|()| check_events()),
        "release-events" => release_events(),
        "bench" => bench::run(std::env::args_os().skip(2)),
        _ => Err(
            "usage: cargo xtask generate | check | release-events | bench cold | load | growth …".to_owned(),
        ),
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
    let mut generated = vec![Generated {
        path: "infra/openapi/openapi.json".to_owned(),
        text: format!("{text}\n"),
    }];
    generated.extend(event_schemas().into_iter().map(|(kind, schema)| Generated {
        path: format!("{EVENTS}/{kind}.json"),
        text: format!("{schema:#}\n"),
    }));
    generated
}

/// One schema for each type of event.
const EVENTS: &str = "infra/events";
/// Those that somebody may rely on.
const RELEASED: &str = "infra/events/released";

/// What is there and is not made any more, and what somebody relies on and is broken.
fn check_events() -> Result<(), String> {
    let schemas = event_schemas();
    let known = |kind: &str| {
        schemas
            .iter()
            .find(|(name, _)| *name == kind)
            .map(|(_, schema)| schema)
    };
    for kind in kinds_in(EVENTS)? {
        known(&kind).ok_or_else(|| format!("{EVENTS}/{kind}.json: there is no such event any more"))?;
    }
    let mut broken = Vec::new();
    for kind in kinds_in(RELEASED)? {
        let path = format!("{RELEASED}/{kind}.json");
        let text = fs::read_to_string(in_workspace(&path)).map_err(|error| format!("{path}: {error}"))?;
        let released = serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
        match known(&kind) {
            Some(schema) => {
                let lines = breaks(&released, schema).into_iter();
                broken.extend(lines.map(|line| format!("{kind}{line}")));
            }
            None => broken.push(format!("{kind}: is gone")),
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(format!(
        "somebody relies on released events; a breaking change is a new type with the next version:\n{}",
        broken.join("\n")
    ))
}

/// From now on somebody may rely on the schemas as they are.
fn release_events() -> Result<(), String> {
    check_events()?;
    event_schemas().into_iter().try_for_each(|(kind, schema)| {
        write(&Generated {
            path: format!("{RELEASED}/{kind}.json"),
            text: format!("{schema:#}\n"),
        })
    })
}

fn kinds_in(folder: &str) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(in_workspace(folder)).map_err(|error| format!("{folder}: {error}"))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .collect())
}

fn write(generated: &Generated) -> Result<(), String> {
    let path = in_workspace(&generated.path);
    fs::write(&path, &generated.text).map_err(|error| format!("{}: {error}", generated.path))
}

fn check(generated: &Generated) -> Result<(), String> {
    let present = fs::read_to_string(in_workspace(&generated.path)).unwrap_or_default();
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
