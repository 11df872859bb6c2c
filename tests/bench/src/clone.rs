use std::fmt::Write as _;

use serde_json::Value;
use tenantry_app::sha256_hex;
use tenantry_domain::{Id, Tenant, Timestamp};

use crate::Error;

/// The word in a prototype's texts in whose place each copy has a name of its own.
pub(crate) const NAME: &str = "zzproto";

/// The partitions that lists are spread over, as the store has them.
const LIST_SHARDS: u8 = 4;
/// How far apart copies were created.
const APART_MS: i64 = 1_000;

/// Items as the API wrote them, to be written again under other ids, times and names.
pub(crate) struct Prototype {
    text: String,
    pieces: Vec<Piece>,
}

/// A part of the text, by its place there.
enum Piece {
    Literal(usize, usize),
    Uuid(usize),
    Time(usize),
    Name,
}

const UUID_LEN: usize = 36;
const TIME_LEN: usize = 24;

impl Prototype {
    pub(crate) fn new(items: &[Value]) -> Result<Self, Error> {
        let text = serde_json::to_string(items)?;
        let (mut pieces, mut at, mut literal) = (Vec::new(), 0, 0);
        while at < text.len() {
            let rest = &text.as_bytes()[at..];
            let (piece, length) = if is_like(rest, UUID_LEN, b"hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh") {
                (Piece::Uuid(at), UUID_LEN)
            } else if is_like(rest, TIME_LEN, b"dddd-dd-ddTdd:dd:dd.dddZ") {
                (Piece::Time(at), TIME_LEN)
            } else if rest.starts_with(NAME.as_bytes()) {
                (Piece::Name, NAME.len())
            } else {
                at += 1;
                continue;
            };
            pieces.extend([Piece::Literal(literal, at), piece]);
            at += length;
            literal = at;
        }
        pieces.push(Piece::Literal(literal, text.len()));
        Ok(Self { text, pieces })
    }

    /// The copy with this number; the higher, the older.
    pub(crate) fn copy(&self, number: usize) -> Result<Vec<Value>, Error> {
        let ago_ms = i64::try_from(number)? * APART_MS;
        let mut copy = String::with_capacity(self.text.len());
        for piece in &self.pieces {
            match *piece {
                Piece::Literal(from, to) => copy.push_str(&self.text[from..to]),
                Piece::Uuid(at) => copy.push_str(&renew(&self.text[at..at + UUID_LEN], number, ago_ms)?),
                Piece::Time(at) => {
                    let time = Value::from(&self.text[at..at + TIME_LEN]);
                    let time: Timestamp = serde_json::from_value(time)?;
                    copy.push_str(&time.plus_ms(-ago_ms).to_string());
                }
                Piece::Name => {
                    let _ = write!(copy, "t{number}");
                }
            }
        }
        let mut items: Vec<Value> = serde_json::from_str(&copy)?;
        items.iter_mut().for_each(spread);
        Ok(items)
    }
}

/// Hexadecimal digits, decimal digits, and signs that stand for themselves.
fn is_like(text: &[u8], length: usize, pattern: &[u8]) -> bool {
    text.len() >= length
        && text.iter().zip(pattern).all(|(byte, pattern)| match pattern {
            b'h' => byte.is_ascii_digit() || (b'a'..=b'f').contains(byte),
            b'd' => byte.is_ascii_digit(),
            sign => byte == sign,
        })
}

/// An id of version 7 that is older by so much and otherwise unlike.
fn renew(uuid: &str, number: usize, ago_ms: i64) -> Result<String, Error> {
    let time = i64::from_str_radix(&uuid.replace('-', "")[..12], 16)? - ago_ms;
    let time = format!("{time:012x}");
    let chance = sha256_hex(format!("{uuid} {number}"));
    Ok(format!(
        "{}-{}-7{}-8{}-{}",
        &time[..8],
        &time[8..],
        &chance[..3],
        &chance[3..6],
        &chance[6..18]
    ))
}

/// A list's partition follows from the id at the end of its sort key.
fn spread(item: &mut Value) {
    for index in ["gsi1", "gsi2"] {
        let key = &item[format!("{index}sk")]["S"];
        let id = key.as_str().and_then(|key| key.rsplit('#').next());
        let shard = id
            .and_then(|id| Id::<Tenant>::parse(id).ok())
            .map(|id| id.shard(LIST_SHARDS));
        let partition = item[format!("{index}pk")]["S"].as_str();
        let spread = partition.and_then(|partition| partition.rsplit_once('#'));
        if let (Some(shard), Some((name, last))) = (shard, spread)
            && last.len() == 1
        {
            item[format!("{index}pk")]["S"] = format!("{name}#{shard}").into();
        }
    }
}
