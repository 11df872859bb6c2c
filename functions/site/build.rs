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
    Ok(())
}
