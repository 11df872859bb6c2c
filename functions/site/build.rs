//! Takes the viewer of the API document out of its distribution, compressed the way that browsers take it: the binary carries
//! a quarter of the bytes, and nothing is inflated when they are asked for.

use std::error::Error;
use std::fs::File;
use std::io::{self, Cursor};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use zip::ZipArchive;

const FILES: [&str; 2] = ["swagger-ui-bundle.js", "swagger-ui.css"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    #[expect(
        clippy::disallowed_methods,
        reason = "the folder that cargo names for what a build makes"
    )]
    let folder = std::env::var("OUT_DIR")?;
    let mut distribution = ZipArchive::new(Cursor::new(utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED))?;
    for file in FILES {
        let name = distribution
            .file_names()
            .filter_map(Result::ok)
            .find(|name| name.ends_with(&format!("/dist/{file}")) && !name.contains("/flavors/"))
            .ok_or_else(|| format!("the distribution has no {file}"))?
            .into_owned();
        let target = File::create(Path::new(&folder).join(format!("{file}.gz")))?;
        let mut target = GzEncoder::new(target, Compression::best());
        io::copy(&mut distribution.by_name(&name)?, &mut target)?;
        target.finish()?;
    }
    write_event_schemas(Path::new(&folder))
}

/// Puts the schemas of events into the binary, each as it was generated, with a list of them.
fn write_event_schemas(folder: &Path) -> Result<(), Box<dyn Error>> {
    const EVENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/events");
    println!("cargo::rerun-if-changed={EVENTS}");
    let mut kinds = Vec::new();
    for entry in std::fs::read_dir(EVENTS)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        kinds.extend(name.strip_suffix(".json").map(str::to_owned));
    }
    kinds.sort();
    let listed: Vec<String> = kinds
        .iter()
        .map(|kind| format!(r#"{{"type":"{kind}","schema":"/events/schemas/{kind}"}}"#))
        .collect();
    let schemas: Vec<String> = kinds
        .iter()
        .map(|kind| {
            let path = format!("{EVENTS}/{kind}.json");
            format!("    ({kind:?}, include_str!({path:?})),\n")
        })
        .collect();
    let schemas = schemas.concat();
    let list = format!(r#"{{"items":[{}]}}"#, listed.join(","));
    let source = format!("const LIST: &str = {list:?};\nconst SCHEMAS: &[(&str, &str)] = &[\n{schemas}];\n");
    std::fs::write(folder.join("event_schemas.rs"), source)?;
    Ok(())
}
