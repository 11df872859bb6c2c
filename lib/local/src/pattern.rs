//! Event patterns as `EventBridge` reads them: which events of the bus a rule receives.
//!
//! Follows AWS's user guide and, where that is silent, its open-source matcher (`aws/event-ruler`). As there, an event
//! is the list of its leaf values with their dotted paths, so `{"a":{"b":1}}` and `{"a.b":1}` are the same to a pattern.
//! `cidr` is refused: nothing on this bus carries addresses.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Number, Value};
use thiserror::Error;

/// `EventBridge` refuses an event pattern whose `$or`s multiply out to more combinations than this.
const MAX_COMBINATIONS: usize = 1000;
/// The largest absolute value `numeric` compares, and the largest it accepts in a pattern.
const MAX_NUMERIC: f64 = 5e9;
/// Names that may not stand for a field inside `$or`, as they could be meant as an operator.
const OPERATORS: [&str; 8] = [
    "anything-but",
    "cidr",
    "equals-ignore-case",
    "exists",
    "numeric",
    "prefix",
    "suffix",
    "wildcard",
];

/// An event pattern of a rule.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The pattern with its `$or`s multiplied out: one of these must hold.
    combinations: Vec<Combination>,
}

/// Tells what in an event pattern is not understood.
#[derive(Debug, Error)]
pub enum PatternError {
    /// The text is not JSON.
    #[error("the event pattern is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// `EventBridge`, or this implementation of it, would refuse the pattern.
    #[error("event pattern at `{path}`: {problem}")]
    Invalid {
        /// The dotted path of the field, `$` for the pattern itself.
        path: String,
        /// What is wrong there.
        problem: String,
    },
}

/// Conditions that must all hold, by the path of the field they look at.
type Combination = BTreeMap<String, Arc<[Test]>>;

/// One of the alternatives a field is compared with.
#[derive(Debug)]
enum Test {
    Equals(Value),
    Text(TextTest),
    AnythingBut(Vec<Value>),
    AnythingButText(Vec<TextTest>),
    Numeric(Vec<(Comparison, f64)>),
    Exists(bool),
}

#[derive(Debug)]
enum TextTest {
    Prefix(String),
    Suffix(String),
    PrefixIgnoringCase(String),
    SuffixIgnoringCase(String),
    EqualsIgnoringCase(String),
    Wildcard(Vec<Glyph>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Comparison {
    Less,
    AtMost,
    Equal,
    AtLeast,
    Greater,
}

/// A step of a wildcard: any run of characters, or exactly one character.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Glyph {
    AnyRun,
    Only(char),
}

/// A leaf value of an event, with the array elements it lies in.
struct Leaf<'e> {
    path: String,
    value: &'e Value,
    place: Place,
}

/// Which element of which array a value was found in, outermost first; arrays are numbered throughout the event.
#[derive(Clone, Default)]
struct Place(Vec<(usize, usize)>);

impl Pattern {
    /// Reads an event pattern from its JSON text.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let pattern = serde_json::from_str::<Value>(text).map_err(PatternError::NotJson)?;
        let Value::Object(fields) = pattern else {
            return Err(invalid("", "an event pattern is an object"));
        };

        let combinations = parse_fields(vec![Combination::new()], "", &fields, false)?;

        Ok(Self { combinations })
    }

    /// Tells whether a rule with this pattern receives the event.
    pub fn matches(&self, event: &Value) -> bool {
        if !event.is_object() {
            return false;
        }
        let mut leaves = Vec::new();
        collect_leaves(event, "", &Place::default(), &mut 0, &mut leaves);

        self.combinations.iter().any(|combination| {
            let conditions = combination
                .iter()
                .map(|(path, tests)| (path.as_str(), &**tests))
                .collect::<Vec<_>>();
            all_hold(&conditions, &leaves, &Place::default())
        })
    }
}

impl Test {
    fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::Equals(expected) => same_value(expected, value),
            Self::Text(test) => value.as_str().is_some_and(|text| test.accepts(text)),
            Self::AnythingBut(refused) => !refused.iter().any(|refused| same_value(refused, value)),
            // What is not a string cannot start, end or look like one, so it passes.
            Self::AnythingButText(refused) => value
                .as_str()
                .is_none_or(|text| !refused.iter().any(|refused| refused.accepts(text))),
            Self::Numeric(bounds) => value
                .as_f64()
                .filter(|number| number.abs() <= MAX_NUMERIC)
                .is_some_and(|number| {
                    bounds
                        .iter()
                        .all(|(comparison, bound)| comparison.holds(number, *bound))
                }),
            Self::Exists(expected) => *expected,
        }
    }
}

impl TextTest {
    fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::Suffix(suffix) => text.ends_with(suffix),
            Self::PrefixIgnoringCase(prefix) => starts_ignoring_case(text.chars(), prefix.chars()).is_some(),
            Self::SuffixIgnoringCase(suffix) => {
                starts_ignoring_case(text.chars().rev(), suffix.chars().rev()).is_some()
            }
            Self::EqualsIgnoringCase(expected) => starts_ignoring_case(text.chars(), expected.chars())
                .is_some_and(|mut rest| rest.next().is_none()),
            Self::Wildcard(glyphs) => matches_wildcard(glyphs, text),
        }
    }
}

impl Comparison {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "<" => Some(Self::Less),
            "<=" => Some(Self::AtMost),
            "=" => Some(Self::Equal),
            ">=" => Some(Self::AtLeast),
            ">" => Some(Self::Greater),
            _ => None,
        }
    }

    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Less => number < bound,
            Self::AtMost => number <= bound,
            Self::Equal => number.partial_cmp(&bound) == Some(Ordering::Equal),
            Self::AtLeast => number >= bound,
            Self::Greater => number > bound,
        }
    }
}

impl Place {
    fn inside(&self, array: usize, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push((array, index));
        Self(steps)
    }

    /// Both places together, unless they are in different elements of one array.
    fn joined(&self, other: &Self) -> Option<Self> {
        let mut steps = self.0.clone();
        for (array, index) in &other.0 {
            match steps.iter().find(|(known, _)| known == array) {
                Some((_, known)) if known != index => return None,
                Some(_) => {}
                None => steps.push((*array, *index)),
            }
        }
        Some(Self(steps))
    }
}

/// Fields of different elements of one array never satisfy a pattern together, hence the search with backtracking.
fn all_hold(conditions: &[(&str, &[Test])], leaves: &[Leaf<'_>], place: &Place) -> bool {
    let Some(((path, tests), rest)) = conditions.split_first() else {
        return true;
    };
    let reachable = leaves
        .iter()
        .filter(|leaf| leaf.path == *path)
        .filter_map(|leaf| Some((leaf.value, place.joined(&leaf.place)?)))
        .collect::<Vec<_>>();
    if reachable.is_empty() {
        let may_be_absent = tests.iter().any(|test| matches!(test, Test::Exists(false)));
        return may_be_absent && all_hold(rest, leaves, place);
    }

    reachable
        .iter()
        .any(|(value, place)| tests.iter().any(|test| test.accepts(value)) && all_hold(rest, leaves, place))
}

/// Empty objects and arrays have no leaf, so they count as absent.
fn collect_leaves<'e>(
    value: &'e Value,
    path: &str,
    place: &Place,
    arrays: &mut usize,
    leaves: &mut Vec<Leaf<'e>>,
) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                collect_leaves(member, &below(path, name), place, arrays, leaves);
            }
        }
        Value::Array(elements) => {
            let array = *arrays;
            *arrays += 1;
            for (index, element) in elements.iter().enumerate() {
                collect_leaves(element, path, &place.inside(array, index), arrays, leaves);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            leaves.push(Leaf {
                path: path.to_owned(),
                value,
                place: place.clone(),
            });
        }
    }
}

fn parse_fields(
    mut combinations: Vec<Combination>,
    path: &str,
    fields: &Map<String, Value>,
    in_or: bool,
) -> Result<Vec<Combination>, PatternError> {
    if fields.is_empty() {
        return Err(invalid(path, "an empty object matches nothing"));
    }
    for (name, field) in fields {
        if name == "$or" {
            combinations = parse_or(&combinations, path, field)?;
            continue;
        }
        let path = below(path, name);
        if in_or && OPERATORS.contains(&name.as_str()) {
            return Err(invalid(
                &path,
                "an operator's name cannot be a field inside `$or`",
            ));
        }
        match field {
            Value::Object(fields) => combinations = parse_fields(combinations, &path, fields, in_or)?,
            Value::Array(alternatives) => {
                let tests = parse_tests(&path, alternatives)?;
                for combination in &mut combinations {
                    if combination.insert(path.clone(), Arc::clone(&tests)).is_some() {
                        return Err(invalid(&path, "the field is named twice"));
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(invalid(&path, "a field is an object or an array of alternatives"));
            }
        }
    }
    Ok(combinations)
}

fn parse_or(
    combinations: &[Combination],
    path: &str,
    field: &Value,
) -> Result<Vec<Combination>, PatternError> {
    let Some(branches) = field.as_array().filter(|branches| branches.len() >= 2) else {
        return Err(invalid(path, "`$or` is an array of at least two objects"));
    };
    let mut multiplied = Vec::new();
    for branch in branches {
        let Some(fields) = branch.as_object() else {
            return Err(invalid(path, "`$or` is an array of at least two objects"));
        };
        multiplied.extend(parse_fields(combinations.to_vec(), path, fields, true)?);
        if multiplied.len() > MAX_COMBINATIONS {
            return Err(invalid(
                path,
                format!("`$or` makes more than {MAX_COMBINATIONS} combinations"),
            ));
        }
    }
    Ok(multiplied)
}

fn parse_tests(path: &str, alternatives: &[Value]) -> Result<Arc<[Test]>, PatternError> {
    if alternatives.is_empty() {
        return Err(invalid(path, "an empty array matches nothing"));
    }
    alternatives
        .iter()
        .map(|alternative| match alternative {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Ok(Test::Equals(alternative.clone()))
            }
            Value::Object(operator) => parse_operator(path, operator),
            Value::Array(_) => Err(invalid(
                path,
                "an alternative is a value or an operator, not an array",
            )),
        })
        .collect()
}

fn parse_operator(path: &str, operator: &Map<String, Value>) -> Result<Test, PatternError> {
    let (name, operand) = only_member(path, operator)?;
    match name {
        "prefix" | "suffix" => match operand {
            Value::Object(operator) => {
                let (inner, operand) = only_member(path, operator)?;
                if inner != "equals-ignore-case" {
                    return Err(invalid(
                        path,
                        format!("`{name}` takes a string or `equals-ignore-case`, not `{inner}`"),
                    ));
                }
                let text = parse_text(path, inner, operand)?;
                let ignoring_case = if name == "prefix" {
                    TextTest::PrefixIgnoringCase
                } else {
                    TextTest::SuffixIgnoringCase
                };
                Ok(Test::Text(ignoring_case(text)))
            }
            _ => parse_text_test(path, name, operand).map(Test::Text),
        },
        "equals-ignore-case" | "wildcard" => parse_text_test(path, name, operand).map(Test::Text),
        "anything-but" => parse_anything_but(path, operand),
        "numeric" => parse_numeric(path, operand).map(Test::Numeric),
        "exists" => operand
            .as_bool()
            .map(Test::Exists)
            .ok_or_else(|| invalid(path, "`exists` takes true or false")),
        "cidr" => Err(invalid(
            path,
            "`cidr` is an operator of EventBridge that the local bus does not have",
        )),
        _ => Err(invalid(path, format!("there is no operator `{name}`"))),
    }
}

fn parse_anything_but(path: &str, operand: &Value) -> Result<Test, PatternError> {
    if let Value::Object(operator) = operand {
        let (name, operand) = only_member(path, operator)?;
        let tests = one_or_many(operand)
            .iter()
            .map(|operand| match operand.as_str() {
                Some("") if name == "prefix" || name == "suffix" => Err(invalid(
                    path,
                    format!("`anything-but` with an empty `{name}` matches nothing"),
                )),
                _ => parse_text_test(path, name, operand),
            })
            .collect::<Result<Vec<_>, _>>()?;
        if tests.is_empty() {
            return Err(invalid(path, "`anything-but` takes at least one value"));
        }
        return Ok(Test::AnythingButText(tests));
    }

    let refused = one_or_many(operand);
    let are_alike = refused.iter().all(Value::is_string) || refused.iter().all(Value::is_number);
    if refused.is_empty() || !are_alike {
        return Err(invalid(
            path,
            "`anything-but` takes strings or numbers, not both and nothing else",
        ));
    }
    Ok(Test::AnythingBut(refused.to_vec()))
}

fn parse_text_test(path: &str, name: &str, operand: &Value) -> Result<TextTest, PatternError> {
    let test = match name {
        "prefix" => TextTest::Prefix,
        "suffix" => TextTest::Suffix,
        "equals-ignore-case" => TextTest::EqualsIgnoringCase,
        "wildcard" => {
            return Ok(TextTest::Wildcard(parse_wildcard(
                path,
                &parse_text(path, name, operand)?,
            )?));
        }
        _ => return Err(invalid(path, format!("`anything-but` does not take `{name}`"))),
    };
    Ok(test(parse_text(path, name, operand)?))
}

fn parse_text(path: &str, name: &str, operand: &Value) -> Result<String, PatternError> {
    operand
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| invalid(path, format!("`{name}` takes a string")))
}

fn parse_numeric(path: &str, operand: &Value) -> Result<Vec<(Comparison, f64)>, PatternError> {
    let terms = operand.as_array().map_or(&[][..], Vec::as_slice);
    let bounds = terms
        .chunks(2)
        .map(|term| {
            let [comparison, bound] = term else { return None };
            let bound = bound.as_f64().filter(|bound| bound.abs() <= MAX_NUMERIC)?;
            Some((Comparison::parse(comparison.as_str()?)?, bound))
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| {
            invalid(
                path,
                "`numeric` takes pairs of a comparison and a number within ±5e9",
            )
        })?;

    match bounds[..] {
        [_] => Ok(bounds),
        [
            (Comparison::Greater | Comparison::AtLeast, from),
            (Comparison::Less | Comparison::AtMost, to),
        ] if from < to => Ok(bounds),
        _ => Err(invalid(
            path,
            "`numeric` takes one comparison, or a lower and then a higher bound",
        )),
    }
}

fn parse_wildcard(path: &str, text: &str) -> Result<Vec<Glyph>, PatternError> {
    let mut glyphs = Vec::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let glyph = match character {
            '*' if glyphs.last() == Some(&Glyph::AnyRun) => {
                return Err(invalid(path, "`wildcard` has two `*` in a row"));
            }
            '*' => Glyph::AnyRun,
            '\\' => match characters.next() {
                Some(escaped @ ('*' | '\\')) => Glyph::Only(escaped),
                _ => {
                    return Err(invalid(
                        path,
                        "`wildcard` has a `\\` that escapes neither `*` nor `\\`",
                    ));
                }
            },
            _ => Glyph::Only(character),
        };
        glyphs.push(glyph);
    }
    Ok(glyphs)
}

/// Lets the last `*` swallow one more character after each failure; earlier ones never need another look.
fn matches_wildcard(glyphs: &[Glyph], text: &str) -> bool {
    let text = text.chars().collect::<Vec<_>>();
    let (mut glyph, mut character) = (0, 0);
    let mut last_run = None;
    while character < text.len() {
        match glyphs.get(glyph) {
            Some(Glyph::AnyRun) => {
                last_run = Some((glyph, character));
                glyph += 1;
            }
            Some(Glyph::Only(expected)) if *expected == text[character] => {
                glyph += 1;
                character += 1;
            }
            _ => {
                let Some((run, swallowed)) = last_run else {
                    return false;
                };
                last_run = Some((run, swallowed + 1));
                glyph = run + 1;
                character = swallowed + 1;
            }
        }
    }
    glyphs[glyph..].iter().all(|glyph| *glyph == Glyph::AnyRun)
}

/// What is left of `text` behind `start`, if it begins with it in whatever case.
fn starts_ignoring_case<T: Iterator<Item = char>>(
    mut text: T,
    start: impl Iterator<Item = char>,
) -> Option<T> {
    for expected in start {
        let actual = text.next()?;
        let is_same = actual == expected
            || actual.to_lowercase().eq(expected.to_lowercase())
            || actual.to_uppercase().eq(expected.to_uppercase());
        if !is_same {
            return None;
        }
    }
    Some(text)
}

fn same_value(expected: &Value, value: &Value) -> bool {
    match (expected, value) {
        (Value::Number(expected), Value::Number(number)) => same_number(expected, number),
        _ => expected == value,
    }
}

/// Integers are compared exactly, as account numbers and the like lose digits in a float.
fn same_number(one: &Number, other: &Number) -> bool {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => one == other,
        _ => one.as_f64() == other.as_f64(),
    }
}

fn only_member<'p>(
    path: &str,
    operator: &'p Map<String, Value>,
) -> Result<(&'p str, &'p Value), PatternError> {
    let mut members = operator.iter();
    match (members.next(), members.next()) {
        (Some((name, operand)), None) => Ok((name, operand)),
        _ => Err(invalid(path, "an operator is an object with one member")),
    }
}

fn one_or_many(operand: &Value) -> &[Value] {
    operand
        .as_array()
        .map_or(std::slice::from_ref(operand), Vec::as_slice)
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn invalid(path: &str, problem: impl Into<String>) -> PatternError {
    let path = if path.is_empty() { "$" } else { path };
    PatternError::Invalid {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A line of the table reads `pattern matches event` or `pattern refuses event`.
    fn check(table: &str) {
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (pattern, event, expected) =
                match (line.split_once(" matches "), line.split_once(" refuses ")) {
                    (Some((pattern, event)), None) => (pattern, event, true),
                    (None, Some((pattern, event))) => (pattern, event, false),
                    _ => panic!("{line} is no row"),
                };

            let parsed = Pattern::parse(pattern).expect(line);
            let event = serde_json::from_str::<Value>(event).expect(line);

            assert_eq!(parsed.matches(&event), expected, "{line}");
        }
    }

    #[test]
    fn every_field_of_the_pattern_must_match_and_others_are_ignored() {
        check(
            r#"
            {"source": ["t"]}                                     matches {"source": "t", "detail": {"key": "acme"}}
            {"source": ["t"], "detail": {"key": ["acme"]}}        matches {"source": "t", "detail": {"key": "acme"}}
            {"source": ["t"], "detail": {"key": ["other"]}}       refuses {"source": "t", "detail": {"key": "acme"}}
            {"source": ["other"], "detail": {"key": ["acme"]}}    refuses {"source": "t", "detail": {"key": "acme"}}
            {"key": ["acme"]}                                     refuses {"source": "t", "detail": {"key": "acme"}}
            "#,
        );
    }

    #[test]
    fn one_of_the_alternatives_is_enough() {
        check(
            r#"
            {"a": ["initializing", {"prefix": "run"}, {"exists": false}]}    matches {"a": "initializing"}
            {"a": ["initializing", {"prefix": "run"}, {"exists": false}]}    matches {"a": "running"}
            {"a": ["initializing", {"prefix": "run"}, {"exists": false}]}    matches {}
            {"a": ["initializing", {"prefix": "run"}, {"exists": false}]}    refuses {"a": "stopped"}
            "#,
        );
    }

    #[test]
    fn values_are_equal_only_within_their_type() {
        check(
            r#"
            {"a": ["1"]}       refuses {"a": 1}
            {"a": [1]}         refuses {"a": "1"}
            {"a": [true]}      matches {"a": true}
            {"a": [true]}      refuses {"a": "true"}
            {"a": [false]}     refuses {"a": true}
            {"a": [null]}      matches {"a": null}
            {"a": [null]}      refuses {"a": ""}
            {"a": [""]}        matches {"a": ""}
            {"a": ["Acme"]}    refuses {"a": "acme"}
            "#,
        );
    }

    #[test]
    fn numbers_are_equal_by_value_and_large_integers_to_the_digit() {
        check(
            r#"
            {"a": [300]}                     matches {"a": 300.0}
            {"a": [3.0e2]}                   matches {"a": 300}
            {"a": [-0.0]}                    matches {"a": 0}
            {"a": [300]}                     refuses {"a": 301}
            {"a": [9007199254740993]}        matches {"a": 9007199254740993}
            {"a": [9007199254740993]}        refuses {"a": 9007199254740992}
            {"a": [18446744073709551615]}    refuses {"a": -1}
            "#,
        );
    }

    #[test]
    fn an_array_in_the_event_matches_if_any_element_does() {
        check(
            r#"
            {"a": ["x"]}                       matches {"a": ["y", "x"]}
            {"a": ["x"]}                       refuses {"a": ["y", "z"]}
            {"a": ["x"]}                       matches {"a": [["y"], ["x"]]}
            {"a": ["x"]}                       refuses {"a": []}
            {"a": [{"anything-but": "x"}]}     matches {"a": ["x", "y"]}
            {"a": [{"anything-but": "x"}]}     refuses {"a": ["x", "x"]}
            {"a": {"b": [1]}}                  matches {"a": [{"b": 0}, {"b": 1}]}
            {"a": {"b": [1]}, "c": [2]}        matches {"a": [{"b": 0}, {"b": 1}], "c": [2, 3]}
            "#,
        );
    }

    #[test]
    fn fields_of_different_elements_of_an_array_do_not_match_together() {
        check(
            r#"
            {"who": {"first": ["Anna"], "last": ["Smith"]}}    matches {"who": [{"first": "John", "last": "Doe"}, {"first": "Anna", "last": "Smith"}]}
            {"who": {"first": ["Anna"], "last": ["Doe"]}}      refuses {"who": [{"first": "John", "last": "Doe"}, {"first": "Anna", "last": "Smith"}]}
            {"who": {"first": ["Anna"], "last": ["Smith"]}}    matches {"who": [[{"first": "John", "last": "Doe"}], [{"first": "Anna", "last": "Smith"}]]}
            {"who": {"first": ["Anna"], "last": ["Doe"]}}      refuses {"who": [[{"first": "John", "last": "Doe"}], [{"first": "Anna", "last": "Smith"}]]}
            {"who": {"a": ["x"], "b": [{"exists": false}]}}    matches {"who": [{"a": "y", "b": 1}, {"a": "x"}]}
            {"who": {"a": ["x"], "b": [{"exists": false}]}}    refuses {"who": [{"a": "x", "b": 1}, {"a": "y"}]}
            "#,
        );
    }

    #[test]
    fn a_missing_field_matches_only_exists_false() {
        check(
            r#"
            {"a": {"b": [{"exists": false}]}}                matches {"a": {"c": 1}}
            {"a": {"b": [{"exists": false}]}}                matches {"a": "not an object"}
            {"a": {"b": [{"exists": false}]}}                matches {}
            {"a": {"b": [{"exists": true}]}}                 refuses {"a": {"c": 1}}
            {"a": {"b": ["x"]}}                              refuses {"a": {"c": 1}}
            {"a": {"b": [null]}}                             refuses {"a": {"c": 1}}
            {"a": {"b": [{"prefix": ""}]}}                   refuses {"a": {"c": 1}}
            {"a": {"b": [{"suffix": ""}]}}                   refuses {"a": {"c": 1}}
            {"a": {"b": [{"wildcard": "*"}]}}                refuses {"a": {"c": 1}}
            {"a": {"b": [{"equals-ignore-case": ""}]}}       refuses {"a": {"c": 1}}
            {"a": {"b": [{"anything-but": "x"}]}}            refuses {"a": {"c": 1}}
            {"a": {"b": [{"anything-but": {"prefix": "x"}}]}}    refuses {"a": {"c": 1}}
            {"a": {"b": [{"numeric": ["<", 1]}]}}            refuses {"a": {"c": 1}}
            "#,
        );
    }

    #[test]
    fn only_leaves_exist() {
        check(
            r#"
            {"a": [{"exists": true}]}            matches {"a": "x"}
            {"a": [{"exists": true}]}            matches {"a": null}
            {"a": [{"exists": true}]}            matches {"a": ["x"]}
            {"a": [{"exists": true}]}            refuses {"a": {"b": 1}}
            {"a": [{"exists": false}]}           matches {"a": {"b": 1}}
            {"a": [{"exists": false}]}           matches {"a": []}
            {"a": [{"exists": false}]}           refuses {"a": null}
            {"a": {"b": [{"exists": false}]}}    refuses {"a": [{"b": 1}, {"c": 1}]}
            "#,
        );
    }

    #[test]
    fn prefix_and_suffix_look_at_strings_only() {
        check(
            r#"
            {"a": [{"prefix": "eu-"}]}     matches {"a": "eu-west-1"}
            {"a": [{"prefix": "eu-"}]}     refuses {"a": "EU-west-1"}
            {"a": [{"prefix": ""}]}        matches {"a": "x"}
            {"a": [{"prefix": "1"}]}       refuses {"a": 12}
            {"a": [{"suffix": ".png"}]}    matches {"a": "b.png"}
            {"a": [{"suffix": ".png"}]}    refuses {"a": "b.PNG"}
            {"a": [{"suffix": "ue"}]}      refuses {"a": true}
            "#,
        );
    }

    #[test]
    fn case_is_ignored_where_the_pattern_says_so() {
        check(
            r#"
            {"a": [{"equals-ignore-case": "alice"}]}                 matches {"a": "ALICE"}
            {"a": [{"equals-ignore-case": "alice"}]}                 refuses {"a": "ALICES"}
            {"a": [{"equals-ignore-case": "alices"}]}                refuses {"a": "ALICE"}
            {"a": [{"equals-ignore-case": "größe"}]}                 matches {"a": "GRÖßE"}
            {"a": [{"prefix": {"equals-ignore-case": "EventB"}}]}    matches {"a": "eventbridge"}
            {"a": [{"prefix": {"equals-ignore-case": "EventB"}}]}    refuses {"a": "event"}
            {"a": [{"suffix": {"equals-ignore-case": ".PNG"}}]}      matches {"a": "b.png"}
            {"a": [{"suffix": {"equals-ignore-case": ".PNG"}}]}      refuses {"a": "b.jpg"}
            "#,
        );
    }

    #[test]
    fn anything_but_refuses_what_it_names_and_accepts_other_types() {
        check(
            r#"
            {"a": [{"anything-but": "x"}]}           matches {"a": "y"}
            {"a": [{"anything-but": "x"}]}           refuses {"a": "x"}
            {"a": [{"anything-but": "x"}]}           matches {"a": 1}
            {"a": [{"anything-but": "x"}]}           matches {"a": null}
            {"a": [{"anything-but": 1}]}             refuses {"a": 1.0}
            {"a": [{"anything-but": 1}]}             matches {"a": "1"}
            {"a": [{"anything-but": ["x", "y"]}]}    refuses {"a": "y"}
            {"a": [{"anything-but": ["x", "y"]}]}    matches {"a": "z"}
            {"a": [{"anything-but": [100, 200]}]}    refuses {"a": 200}
            {"a": [{"anything-but": [100, 200]}]}    matches {"a": 300}
            "#,
        );
    }

    #[test]
    fn anything_but_refuses_what_its_text_operator_accepts() {
        check(
            r#"
            {"a": [{"anything-but": {"prefix": "init"}}]}                          refuses {"a": "initializing"}
            {"a": [{"anything-but": {"prefix": "init"}}]}                          matches {"a": "running"}
            {"a": [{"anything-but": {"prefix": "init"}}]}                          matches {"a": 1}
            {"a": [{"anything-but": {"prefix": ["init", "run"]}}]}                 refuses {"a": "running"}
            {"a": [{"anything-but": {"suffix": ".png"}}]}                          refuses {"a": "b.png"}
            {"a": [{"anything-but": {"suffix": [".png", ".gif"]}}]}                matches {"a": "b.jpg"}
            {"a": [{"anything-but": {"equals-ignore-case": "init"}}]}              refuses {"a": "INIT"}
            {"a": [{"anything-but": {"equals-ignore-case": ["init", "stop"]}}]}    refuses {"a": "STOP"}
            {"a": [{"anything-but": {"wildcard": "*/lib/*"}}]}                     refuses {"a": "/usr/lib/x"}
            {"a": [{"anything-but": {"wildcard": "*/lib/*"}}]}                     matches {"a": "/usr/bin/x"}
            "#,
        );
    }

    #[test]
    fn numeric_compares_numbers_with_bounds() {
        check(
            r#"
            {"a": [{"numeric": [">", 0, "<=", 5]}]}    refuses {"a": 0}
            {"a": [{"numeric": [">", 0, "<=", 5]}]}    matches {"a": 0.1}
            {"a": [{"numeric": [">", 0, "<=", 5]}]}    matches {"a": 5}
            {"a": [{"numeric": [">", 0, "<=", 5]}]}    refuses {"a": 5.1}
            {"a": [{"numeric": [">", 0, "<=", 5]}]}    refuses {"a": "3"}
            {"a": [{"numeric": ["=", 3.018e2]}]}       matches {"a": 301.8}
            {"a": [{"numeric": ["=", 0]}]}             matches {"a": -0.0}
            {"a": [{"numeric": ["=", 1]}]}             refuses {"a": 2}
            {"a": [{"numeric": ["<", 10]}]}            matches {"a": -7}
            {"a": [{"numeric": [">=", 10]}]}           matches {"a": 10}
            {"a": [{"numeric": [">=", 10]}]}           refuses {"a": 6e9}
            "#,
        );
    }

    #[test]
    fn wildcards_stand_for_any_run_of_characters() {
        check(
            r#"
            {"a": [{"wildcard": "*"}]}            matches {"a": ""}
            {"a": [{"wildcard": "*"}]}            matches {"a": "x"}
            {"a": [{"wildcard": "*"}]}            refuses {"a": 1}
            {"a": [{"wildcard": "dir/*.png"}]}    matches {"a": "dir/a/b.png"}
            {"a": [{"wildcard": "dir/*.png"}]}    refuses {"a": "dir/b.jpg"}
            {"a": [{"wildcard": "a*b*c"}]}        matches {"a": "abbc"}
            {"a": [{"wildcard": "a*b*c"}]}        refuses {"a": "acb"}
            {"a": [{"wildcard": "*ab"}]}          matches {"a": "aab"}
            {"a": [{"wildcard": "*aab*"}]}        matches {"a": "aaab"}
            {"a": [{"wildcard": "a"}]}            refuses {"a": "ab"}
            {"a": [{"wildcard": "ab"}]}           refuses {"a": "a"}
            {"a": [{"wildcard": "a*"}]}           matches {"a": "a"}
            {"a": [{"wildcard": ""}]}             matches {"a": ""}
            {"a": [{"wildcard": "a\\*"}]}         matches {"a": "a*"}
            {"a": [{"wildcard": "a\\*"}]}         refuses {"a": "ab"}
            {"a": [{"wildcard": "a\\\\*"}]}       matches {"a": "a\\b"}
            {"a": [{"wildcard": "*é*"}]}          matches {"a": "café!"}
            "#,
        );
    }

    #[test]
    fn one_branch_of_an_or_is_enough() {
        check(
            r#"
            {"a": [0], "$or": [{"b": [1]}, {"c": [2]}]}                       matches {"a": 0, "b": 1}
            {"a": [0], "$or": [{"b": [1]}, {"c": [2]}]}                       matches {"a": 0, "c": 2}
            {"a": [0], "$or": [{"b": [1]}, {"c": [2]}]}                       refuses {"a": 0}
            {"a": [0], "$or": [{"b": [1]}, {"c": [2]}]}                       refuses {"a": 3, "b": 1}
            {"$or": [{"b": [1]}, {"c": [2]}], "d": [3]}                       matches {"b": 1, "d": 3}
            {"$or": [{"b": [1]}, {"c": [2]}], "d": [3]}                       refuses {"b": 1, "d": 4}
            {"$or": [{"b": [1], "c": [2]}, {"d": [3]}]}                       refuses {"b": 1}
            {"$or": [{"a": [1]}, {"b": [2], "$or": [{"c": [3]}, {"d": [4]}]}]}    matches {"b": 2, "d": 4}
            {"$or": [{"a": [1]}, {"b": [2], "$or": [{"c": [3]}, {"d": [4]}]}]}    refuses {"b": 2}
            {"e": {"$or": [{"b": [1]}, {"c": [2]}]}}                          matches {"e": {"c": 2}}
            {"e": {"$or": [{"b": [1]}, {"c": [2]}]}}                          refuses {"c": 2}
            {"$or": [{"a": [1]}, {"b": [2]}], "e": {"$or": [{"c": [3]}, {"d": [4]}]}}    matches {"b": 2, "e": {"c": 3}}
            {"$or": [{"a": [1]}, {"b": [2]}], "e": {"$or": [{"c": [3]}, {"d": [4]}]}}    refuses {"a": 1, "b": 2}
            "#,
        );
    }

    #[test]
    fn a_dotted_name_is_the_same_path_as_a_nested_one() {
        check(
            r#"
            {"detail.state": ["on"]}         matches {"detail": {"state": "on"}}
            {"detail": {"state": ["on"]}}    matches {"detail.state": "on"}
            "#,
        );
    }

    #[test]
    fn an_event_that_is_no_object_matches_nothing() {
        check(
            r#"
            {"a": [{"exists": false}]}    refuses []
            {"a": [{"exists": false}]}    refuses "x"
            {"a": [{"exists": false}]}    refuses null
            "#,
        );
    }

    #[test]
    fn a_pattern_that_eventbridge_would_refuse_is_refused_with_its_place() {
        let table = r#"
            []                                                => `$`: an event pattern is an object
            {}                                                => `$`: an empty object
            {"a": {}}                                         => `a`: an empty object
            {"a": []}                                         => `a`: an empty array
            {"a": "x"}                                        => `a`: a field is an object or an array
            {"a": {"b": 1}}                                   => `a.b`: a field is an object or an array
            {"a": [["x"]]}                                    => `a`: an alternative is a value
            {"a": [{}]}                                       => `a`: an operator is an object with one member
            {"a": [{"prefix": "x", "suffix": "y"}]}           => `a`: an operator is an object with one member
            {"a": [{"regex": "x"}]}                           => `a`: there is no operator `regex`
            {"a": [{"cidr": "10.0.0.0/8"}]}                   => `a`: `cidr` is an operator of EventBridge that the local bus
            {"a": [{"prefix": 1}]}                            => `a`: `prefix` takes a string
            {"a": [{"prefix": {"wildcard": "x"}}]}            => `a`: `prefix` takes a string or `equals-ignore-case`
            {"a": [{"exists": "yes"}]}                        => `a`: `exists` takes true or false
            {"a": [{"anything-but": true}]}                   => `a`: `anything-but` takes strings or numbers
            {"a": [{"anything-but": []}]}                     => `a`: `anything-but` takes strings or numbers
            {"a": [{"anything-but": ["x", 1]}]}               => `a`: `anything-but` takes strings or numbers
            {"a": [{"anything-but": {"prefix": ""}}]}         => `a`: `anything-but` with an empty `prefix`
            {"a": [{"anything-but": {"prefix": []}}]}         => `a`: `anything-but` takes at least one value
            {"a": [{"anything-but": {"exists": true}}]}       => `a`: `anything-but` does not take `exists`
            {"a": [{"numeric": []}]}                          => `a`: `numeric` takes one comparison
            {"a": [{"numeric": 1}]}                           => `a`: `numeric` takes one comparison
            {"a": [{"numeric": ["!=", 1]}]}                   => `a`: `numeric` takes pairs
            {"a": [{"numeric": [">"]}]}                       => `a`: `numeric` takes pairs
            {"a": [{"numeric": [">", 6e9]}]}                  => `a`: `numeric` takes pairs
            {"a": [{"numeric": ["<", 5, ">", 1]}]}            => `a`: `numeric` takes one comparison
            {"a": [{"numeric": [">", 5, "<", 1]}]}            => `a`: `numeric` takes one comparison
            {"a": [{"wildcard": "x**"}]}                      => `a`: `wildcard` has two `*`
            {"a": [{"wildcard": "\\x"}]}                      => `a`: `wildcard` has a `\`
            {"a": [{"wildcard": "x\\"}]}                      => `a`: `wildcard` has a `\`
            {"$or": {"a": [1]}}                               => `$`: `$or` is an array of at least two objects
            {"a": {"$or": [{"b": [1]}]}}                      => `a`: `$or` is an array of at least two objects
            {"$or": [{"a": [1]}, 2]}                          => `$`: `$or` is an array of at least two objects
            {"$or": [{"prefix": ["x"]}, {"a": [1]}]}          => `prefix`: an operator's name
            {"a": [1], "$or": [{"a": [2]}, {"b": [3]}]}       => `a`: the field is named twice
        "#;
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (pattern, problem) = line.split_once(" => ").expect(line);

            let error = Pattern::parse(pattern).expect_err(line).to_string();

            assert!(
                error.starts_with(&format!("event pattern at {problem}")),
                "{line}: {error}"
            );
        }
    }

    #[test]
    fn text_that_is_not_json_is_refused() {
        let error = Pattern::parse("{").expect_err("an open brace is no JSON");

        assert_eq!(error.to_string(), "the event pattern is not JSON");
    }

    #[test]
    fn more_combinations_than_eventbridge_takes_are_refused() {
        let eleven = || json!({"$or": (0..11).map(|n| json!({n.to_string(): [n]})).collect::<Vec<_>>()});

        let accepted = Pattern::parse(&json!({"a": eleven(), "b": eleven()}).to_string());
        let refused = Pattern::parse(&json!({"a": eleven(), "b": eleven(), "c": eleven()}).to_string());

        assert!(accepted.is_ok());
        let error = refused.expect_err("1331 combinations are too many");
        assert_eq!(
            error.to_string(),
            "event pattern at `c`: `$or` makes more than 1000 combinations"
        );
    }
}
