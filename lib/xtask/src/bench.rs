use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::in_workspace;

/// The packages whose binaries are functions.
const FUNCTIONS: [&str; 6] = [
    "tenantry-site",
    "tenantry-leads",
    "tenantry-tenants",
    "tenantry-accounts",
    "tenantry-callbacks",
    "tenantry-relay",
];

/// Builds what is measured with the release profile and what measures with a faster one, and runs it.
pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let mut arguments: Vec<OsString> = arguments.collect();
    let has = |arguments: &[OsString], name: &str| arguments.iter().any(|argument| argument == name);
    let is_built = has(&arguments, "--no-build");
    arguments.retain(|argument| argument != "--no-build");
    let command = arguments
        .first()
        .and_then(|command| command.to_str())
        .unwrap_or_default();
    let (option, packages, file): (_, &[&str], _) = match command {
        "cold" => ("--bin-dir", &FUNCTIONS, ""),
        "load" => ("--api", &["tenantry-bench-api"], "tenantry-bench-api"),
        _ => ("", &[], ""),
    };
    if !option.is_empty() && !has(&arguments, option) {
        if !is_built {
            let packages = packages.iter().flat_map(|package| ["--package", package]);
            cargo(["build", "--locked", "--release"].into_iter().chain(packages))?;
        }
        arguments.extend([option.into(), release_folder()?.join(file).into()]);
        arguments.extend(["--built".into(), release_profile()?.into()]);
    }
    let head = [
        "run",
        "--quiet",
        "--locked",
        "--profile",
        "tools",
        "--package",
        "tenantry-bench",
        "--",
    ];
    cargo(head.into_iter().map(OsString::from).chain(arguments))
}

fn cargo(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(arguments.into_iter().map(Into::into))
        .current_dir(in_workspace(""));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo: {status}")),
        Err(error) => Err(format!("cargo: {error}")),
    }
}

/// Beside the folder of this program, wherever the build output is.
fn release_folder() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = this.parent().and_then(Path::parent);
    Ok(target
        .ok_or("this program lies in no build folder")?
        .join("release"))
}

/// The settings that the figures depend on, as the workspace has them.
fn release_profile() -> Result<String, String> {
    let manifest = fs::read_to_string(in_workspace("Cargo.toml")).map_err(|error| error.to_string())?;
    let settings: Vec<&str> = manifest
        .lines()
        .skip_while(|line| *line != "[profile.release]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| line.contains('=') && !line.starts_with('#'))
        .collect();
    Ok(format!("release, {}", settings.join(", ")))
}
