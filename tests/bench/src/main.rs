//! Measures what Tenantry costs: `cargo xtask bench` builds and runs it; README.md beside it says what the figures mean.

mod certificates;
mod clone;
mod cloud;
mod cold;
mod figures;
mod function;
mod growth;
mod installation;
mod load;
mod runtime_api;
mod token;
mod tokens;
mod watched;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::{Long, Short, Value, ValueExt as _};

use crate::function::Function;

/// Whatever stops a measurement.
type Error = Box<dyn std::error::Error + Send + Sync>;

const HELP: &str = "\
Measures what Tenantry costs.

Usage: tenantry-bench cold | load | growth | tokens [options]

cold: starts each function under a stand-in for Lambda's runtime API, with a DynamoDB behind TLS
  --functions A,B    only these of site, leads, tenants, accounts, callbacks, relay
  --bin-dir DIR      where the binaries are
  --built TEXT       how they were built; printed
  --runs N           starts of each function, 5 if absent
  --warm N           requests after the first one of each start, 100 if absent
  --instructions     also counts instructions, with valgrind
  --json             prints every figure as JSON

load: the API in one process, its DynamoDB in another one, and requests from this one
  --api FILE         the API's binary
  --built TEXT       how it was built; printed
  --connections A,B  how many at once, 1,16,64 if absent
  --requests N       of each kind at each number of connections, 2000 if absent
  --json             prints every figure as JSON

growth: every endpoint on tables of different sizes
  --tenants A,B      how many there are, 1000,10000,100000 if absent
  --repeats N        of each request, 15 if absent
  --json             prints every figure as JSON

tokens: the trigger that says what stands in tokens
  --calls N          of the function on its table, 500 if absent
  --json             prints every figure as JSON";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let mut arguments = lexopt::Parser::from_env();
    match arguments.next()? {
        Some(Value(command)) if command == "cold" => cold::measure(&cold_options(arguments)?).await,
        Some(Value(command)) if command == "load" => load::measure(&load_options(arguments)?).await,
        Some(Value(command)) if command == "growth" => growth::measure(&growth_options(arguments)?).await,
        Some(Value(command)) if command == "tokens" => tokens::measure(&tokens_options(arguments)?).await,
        // What `load` starts beside itself.
        Some(Value(command)) if command == "engine" => load::serve_engine().await,
        Some(Long("help") | Short('h')) | None => {
            print(HELP);
            Ok(())
        }
        Some(other) => Err(other.unexpected().into()),
    }
}

fn cold_options(mut arguments: lexopt::Parser) -> Result<cold::Options, Error> {
    let mut options = cold::Options {
        functions: Function::ALL.to_vec(),
        bin_dir: PathBuf::from("target/release"),
        built: "unknown".to_owned(),
        runs: 5,
        warm: 100,
        counts_instructions: false,
        is_json: false,
    };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("functions") => options.functions = functions(&arguments.value()?.string()?)?,
            Long("bin-dir") => options.bin_dir = arguments.value()?.into(),
            Long("built") => options.built = arguments.value()?.string()?,
            Long("runs") => options.runs = arguments.value()?.parse()?,
            Long("warm") => options.warm = arguments.value()?.parse()?,
            Long("instructions") => options.counts_instructions = true,
            Long("json") => options.is_json = true,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn load_options(mut arguments: lexopt::Parser) -> Result<load::Options, Error> {
    let mut options = load::Options {
        api: PathBuf::from("target/release/tenantry-bench-api"),
        built: "unknown".to_owned(),
        connections: vec![1, 16, 64],
        requests: 2_000,
        is_json: false,
    };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("api") => options.api = arguments.value()?.into(),
            Long("built") => options.built = arguments.value()?.string()?,
            Long("connections") => options.connections = numbers(&arguments.value()?.string()?)?,
            Long("requests") => options.requests = arguments.value()?.parse()?,
            Long("json") => options.is_json = true,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn growth_options(mut arguments: lexopt::Parser) -> Result<growth::Options, Error> {
    let mut options = growth::Options {
        tenants: vec![1_000, 10_000, 100_000],
        repeats: 15,
        is_json: false,
    };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("tenants") => options.tenants = numbers(&arguments.value()?.string()?)?,
            Long("repeats") => options.repeats = arguments.value()?.parse()?,
            Long("json") => options.is_json = true,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn tokens_options(mut arguments: lexopt::Parser) -> Result<tokens::Options, Error> {
    let mut options = tokens::Options {
        calls: 500,
        is_json: false,
    };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("calls") => options.calls = arguments.value()?.parse()?,
            Long("json") => options.is_json = true,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn numbers(text: &str) -> Result<Vec<usize>, Error> {
    Ok(text.split(',').map(str::parse).collect::<Result<_, _>>()?)
}

fn functions(names: &str) -> Result<Vec<Function>, Error> {
    let parse = |name| Function::parse(name).ok_or_else(|| format!("there is no function {name}").into());
    names.split(',').map(parse).collect()
}

/// A reader that went away is no reason to fail.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}

fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "bench: {line}");
}
