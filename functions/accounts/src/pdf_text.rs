//! Text on the pages of a PDF, in whatever script it is written.
//!
//! Latin, Greek, Cyrillic, Armenian and Georgian letters come with the document, as a subset of DejaVu Sans. Chinese, Japanese
//! and Korean ones are named by the character collections that every viewer brings (ISO 32000-1, 9.7.5.2), because a font with
//! them is larger than this function. Everything else, and what would have to be shaped or set from right to left, is written
//! in Latin letters as `any_ascii` has them: to be read, not to look right.

use std::collections::BTreeMap;

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Finish as _, Name, Pdf, Rect, Ref, Str};
use subsetter::GlyphRemapper;
use ttf_parser::Face;

const FONT: &[u8] = include_bytes!("../font/DejaVuSans.ttf");
const EMBEDDED: Name<'static> = Name(b"F1");
const COLLECTED: Name<'static> = Name(b"F2");
const BASE_FONT: Name<'static> = Name(b"TNTRYA+DejaVuSans");
const IDENTITY: SystemInfo<'static> = SystemInfo {
    registry: Str(b"Adobe"),
    ordering: Str(b"Identity"),
    supplement: 0,
};

/// Which of the viewer's fonts has the letters of East Asia.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collection {
    Japanese,
    Korean,
    Traditional,
    Simplified,
}

/// Sets text, and knows in the end which letters were used.
pub(crate) struct Typesetter {
    face: Face<'static>,
    used: GlyphRemapper,
    letters: BTreeMap<u16, char>,
    collection: Collection,
}

/// Part of a text that one font has.
enum Run {
    Embedded(Vec<(u16, char)>),
    Collected(Vec<char>),
}

impl Collection {
    /// The one for a text. Han letters alone do not tell; then the currency that is paid in does.
    pub(crate) fn of(text: &str, currency_code: &str) -> Self {
        let has = |range: std::ops::RangeInclusive<char>| text.chars().any(|c| range.contains(&c));
        if has('\u{3040}'..='\u{30ff}') || has('\u{ff66}'..='\u{ff9d}') {
            Self::Japanese
        } else if has('\u{ac00}'..='\u{d7a3}') {
            Self::Korean
        } else {
            match currency_code {
                "JPY" => Self::Japanese,
                "KRW" => Self::Korean,
                "TWD" | "HKD" | "MOP" => Self::Traditional,
                _ => Self::Simplified,
            }
        }
    }

    /// Font, character map, ordering and supplement, by the names of ISO 32000-1, table 118.
    fn names(self) -> (&'static [u8], &'static [u8], &'static [u8], i32) {
        match self {
            Self::Japanese => (b"HeiseiKakuGo-W5", b"UniJIS-UTF16-H", b"Japan1", 4),
            Self::Korean => (b"HYGoThic-Medium", b"UniKS-UTF16-H", b"Korea1", 1),
            Self::Traditional => (b"MSung-Light", b"UniCNS-UTF16-H", b"CNS1", 3),
            Self::Simplified => (b"STSong-Light", b"UniGB-UTF16-H", b"GB1", 4),
        }
    }
}

impl Typesetter {
    pub(crate) fn new(collection: Collection) -> Self {
        Self {
            face: Face::parse(FONT, 0).expect("the font is part of the program"),
            used: GlyphRemapper::new(),
            letters: BTreeMap::new(),
            collection,
        }
    }

    /// How wide a text is at a size of 1.
    pub(crate) fn width(&self, text: &str) -> f32 {
        let width = |run: Run| match run {
            Run::Embedded(glyphs) => glyphs.iter().map(|(glyph, _)| self.advance(*glyph)).sum(),
            Run::Collected(letters) => letters.iter().map(|_| 1.0).sum::<f32>(),
        };
        self.runs(text).into_iter().map(width).sum()
    }

    /// Shows a text with its left end at this place.
    pub(crate) fn show(&mut self, content: &mut Content, text: &str, (x, y): (f32, f32), size: f32) {
        content.begin_text();
        content.set_text_matrix([1.0, 0.0, 0.0, 1.0, x, y]);
        for run in self.runs(text) {
            match run {
                Run::Embedded(glyphs) => {
                    let mut bytes = Vec::new();
                    for (glyph, letter) in glyphs {
                        let mapped = self.used.remap(glyph);
                        self.letters.insert(mapped, letter);
                        bytes.extend(mapped.to_be_bytes());
                    }
                    content.set_font(EMBEDDED, size).show(Str(&bytes));
                }
                Run::Collected(letters) => {
                    let mut units = [0; 2];
                    let bytes: Vec<u8> = letters
                        .iter()
                        .flat_map(|letter| letter.encode_utf16(&mut units).to_vec())
                        .flat_map(u16::to_be_bytes)
                        .collect();
                    content.set_font(COLLECTED, size).show(Str(&bytes));
                }
            }
        }
        content.end_text();
    }

    /// The fonts of all that was shown, as the resources of every page name them.
    pub(crate) fn finish(self, pdf: &mut Pdf, mut next: impl FnMut() -> Ref) -> [(Name<'static>, Ref); 2] {
        let embedded = self.write_embedded(pdf, &mut next);
        let collected = write_collected(pdf, self.collection, &mut next);
        [(EMBEDDED, embedded), (COLLECTED, collected)]
    }

    fn write_embedded(&self, pdf: &mut Pdf, next: &mut impl FnMut() -> Ref) -> Ref {
        let (font, descendant, descriptor, file, unicode) = (next(), next(), next(), next(), next());
        let scale = 1000.0 / f32::from(self.face.units_per_em());
        pdf.type0_font(font)
            .base_font(BASE_FONT)
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(descendant)
            .to_unicode(unicode);
        let mut cid = pdf.cid_font(descendant);
        cid.subtype(CidFontType::Type2)
            .base_font(BASE_FONT)
            .system_info(IDENTITY)
            .font_descriptor(descriptor)
            .default_width(0.0)
            .cid_to_gid_map_predefined(Name(b"Identity"));
        let widths = self
            .used
            .remapped_gids()
            .map(|glyph| self.advance(glyph) * 1000.0);
        cid.widths().consecutive(0, widths);
        cid.finish();
        let bbox = self.face.global_bounding_box();
        let scaled = |value: i16| f32::from(value) * scale;
        pdf.font_descriptor(descriptor)
            .name(BASE_FONT)
            .flags(FontFlags::SYMBOLIC)
            .bbox(Rect::new(
                scaled(bbox.x_min),
                scaled(bbox.y_min),
                scaled(bbox.x_max),
                scaled(bbox.y_max),
            ))
            .italic_angle(0.0)
            .ascent(scaled(self.face.ascender()))
            .descent(scaled(self.face.descender()))
            .cap_height(scaled(self.face.capital_height().unwrap_or_default()))
            .stem_v(80.0)
            .font_file2(file);
        let subset = subsetter::subset(FONT, 0, &self.used).expect("the font is part of the program");
        let length = i32::try_from(subset.len()).expect("the font is small");
        pdf.stream(file, &subset).pair(Name(b"Length1"), length);
        let mut cmap = UnicodeCmap::new(Name(b"Letters"), IDENTITY);
        for (glyph, letter) in &self.letters {
            cmap.pair(*glyph, *letter);
        }
        pdf.cmap(unicode, &cmap.finish());
        font
    }

    fn advance(&self, glyph: u16) -> f32 {
        let advance = self.face.glyph_hor_advance(ttf_parser::GlyphId(glyph));
        f32::from(advance.unwrap_or_default()) / f32::from(self.face.units_per_em())
    }

    fn runs(&self, text: &str) -> Vec<Run> {
        let mut runs = Vec::new();
        for letter in text.chars() {
            if let Some(glyph) = self.face.glyph_index(letter).map(|glyph| glyph.0) {
                push_glyph(&mut runs, glyph, letter);
            } else if is_east_asian(letter) {
                match runs.last_mut() {
                    Some(Run::Collected(letters)) => letters.push(letter),
                    _ => runs.push(Run::Collected(vec![letter])),
                }
            } else {
                for letter in any_ascii::any_ascii_char(letter).chars() {
                    if let Some(glyph) = self.face.glyph_index(letter) {
                        push_glyph(&mut runs, glyph.0, letter);
                    }
                }
            }
        }
        runs
    }
}

fn push_glyph(runs: &mut Vec<Run>, glyph: u16, letter: char) {
    match runs.last_mut() {
        Some(Run::Embedded(glyphs)) => glyphs.push((glyph, letter)),
        _ => runs.push(Run::Embedded(vec![(glyph, letter)])),
    }
}

/// What the four collections have, all of it full width. Beyond the first plane viewers differ.
fn is_east_asian(letter: char) -> bool {
    matches!(letter, '\u{3000}'..='\u{303f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{ff01}'..='\u{ff5e}')
}

fn write_collected(pdf: &mut Pdf, collection: Collection, next: &mut impl FnMut() -> Ref) -> Ref {
    let (font, descendant, descriptor) = (next(), next(), next());
    let (name, cmap, ordering, supplement) = collection.names();
    pdf.type0_font(font)
        .base_font(Name(name))
        .encoding_predefined(Name(cmap))
        .descendant_font(descendant);
    pdf.cid_font(descendant)
        .subtype(CidFontType::Type0)
        .base_font(Name(name))
        .system_info(SystemInfo {
            registry: Str(b"Adobe"),
            ordering: Str(ordering),
            supplement,
        })
        .font_descriptor(descriptor)
        .default_width(1000.0);
    pdf.font_descriptor(descriptor)
        .name(Name(name))
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(0.0, -120.0, 1000.0, 880.0))
        .italic_angle(0.0)
        .ascent(880.0)
        .descent(-120.0)
        .cap_height(740.0)
        .stem_v(80.0);
    font
}
