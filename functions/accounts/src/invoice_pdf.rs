//! An invoice on paper. The same invoice makes the same bytes.

use pdf_writer::{Content, Finish as _, Name, Pdf, Rect, Ref, TextStr};
use tenantry_domain::{Invoice, InvoiceLine, InvoiceStatus, Party};

use crate::pdf_text::{Collection, Typesetter};

/// A4, in points.
const PAGE: (f32, f32) = (595.0, 842.0);
const LEFT: f32 = 56.0;
const RIGHT: f32 = PAGE.0 - 56.0;
const TOP: f32 = PAGE.1 - 64.0;
/// Lines end above the total and the foot.
const BOTTOM: f32 = 110.0;
const SIZE: f32 = 9.5;
const LEADING: f32 = 13.5;
/// Right ends of the columns of figures.
const QUANTITY: f32 = 350.0;
const UNIT: f32 = 445.0;
/// What the description may take.
const DESCRIPTION: f32 = 235.0;

/// The invoice as a PDF.
pub(crate) fn render(invoice: &Invoice) -> Vec<u8> {
    let mut paper = Paper::new(collection_of(invoice));
    let mut y = paper.head(invoice);
    y = paper.column_heads(y);
    for line in &invoice.lines {
        let wrapped = paper.wrap(line.description.as_str(), DESCRIPTION);
        let height = LEADING * f32::from(u16::try_from(wrapped.len()).unwrap_or(u16::MAX));
        if y - height < BOTTOM {
            paper.turn();
            y = paper.column_heads(TOP);
        }
        y = paper.line(line, &wrapped, y);
    }
    paper.total(invoice, y);
    paper.finish(invoice)
}

fn collection_of(invoice: &Invoice) -> Collection {
    let Invoice {
        lines,
        seller,
        buyer,
        total,
        ..
    } = invoice;
    let mut text = String::new();
    for party in [seller, buyer] {
        text.push_str(&party.name);
        text.extend(party.address.iter().map(String::as_str));
    }
    text.extend(lines.iter().map(|line| line.description.as_str()));
    Collection::of(&text, total.currency().code())
}

struct Paper {
    pages: Vec<Content>,
    typesetter: Typesetter,
}

impl Paper {
    fn new(collection: Collection) -> Self {
        Self {
            pages: vec![Content::new()],
            typesetter: Typesetter::new(collection),
        }
    }

    fn turn(&mut self) {
        self.pages.push(Content::new());
    }

    fn left(&mut self, text: &str, place: (f32, f32), size: f32) {
        let page = self.pages.last_mut().expect("there is a first page");
        self.typesetter.show(page, text, place, size);
    }

    fn right(&mut self, text: &str, (x, y): (f32, f32), size: f32) {
        let width = self.typesetter.width(text) * size;
        self.left(text, (x - width, y), size);
    }

    fn rule(&mut self, y: f32, width: f32) {
        let page = self.pages.last_mut().expect("there is a first page");
        page.set_line_width(width);
        page.move_to(LEFT, y).line_to(RIGHT, y).stroke();
    }

    /// Title, parties and dates; answers where the lines begin.
    fn head(&mut self, invoice: &Invoice) -> f32 {
        self.left("Invoice", (LEFT, TOP), 22.0);
        self.right(&invoice.number, (RIGHT, TOP), 14.0);
        let y = TOP - 40.0;
        let from = self.party("From", &invoice.seller, (LEFT, y));
        let to = self.party("To", &invoice.buyer, (LEFT + 250.0, y));
        let mut y = from.min(to) - 18.0;
        let period = format!("{} to {}", invoice.period.from, invoice.period.last());
        let mut dates = vec![
            ("Issued on", invoice.issued_on.to_string()),
            ("Period", period),
            ("Due on", invoice.due_on.to_string()),
        ];
        match (invoice.status, invoice.paid_on) {
            (InvoiceStatus::Paid, Some(paid_on)) => dates.push(("Paid on", paid_on.to_string())),
            (InvoiceStatus::Cancelled, _) => dates.push(("Status", "CANCELLED".to_owned())),
            (InvoiceStatus::Paid | InvoiceStatus::Pending, _) => {}
        }
        for (name, value) in dates {
            self.left(name, (LEFT, y), SIZE);
            self.left(&value, (LEFT + 80.0, y), SIZE);
            y -= LEADING;
        }
        y - 20.0
    }

    fn party(&mut self, role: &str, party: &Party, (x, mut y): (f32, f32)) -> f32 {
        self.left(role, (x, y), 8.0);
        y -= LEADING + 2.0;
        let tax_id = party.tax_id.as_ref().map(|tax_id| format!("Tax ID {tax_id}"));
        let lines = std::iter::once(&party.name).chain(&party.address).chain(&tax_id);
        for (position, line) in lines.enumerate() {
            let size = if position == 0 { 11.0 } else { SIZE };
            for part in self.wrap_at(line, 225.0, size) {
                self.left(&part, (x, y), size);
                y -= LEADING;
            }
        }
        y
    }

    fn column_heads(&mut self, y: f32) -> f32 {
        self.left("Description", (LEFT, y), 8.0);
        self.right("Quantity", (QUANTITY, y), 8.0);
        self.right("Unit price", (UNIT, y), 8.0);
        self.right("Amount", (RIGHT, y), 8.0);
        self.rule(y - 5.0, 0.7);
        y - 5.0 - LEADING
    }

    fn line(&mut self, line: &InvoiceLine, wrapped: &[String], y: f32) -> f32 {
        self.right(&line.quantity.to_string(), (QUANTITY, y), SIZE);
        self.right(&line.unit_amount.figures(), (UNIT, y), SIZE);
        self.right(&line.amount.figures(), (RIGHT, y), SIZE);
        let mut y = y;
        for part in wrapped {
            self.left(part, (LEFT, y), SIZE);
            y -= LEADING;
        }
        y
    }

    fn total(&mut self, invoice: &Invoice, y: f32) {
        self.rule(y + 6.0, 0.7);
        self.left("Total", (LEFT, y - 10.0), 12.0);
        self.right(&invoice.total.to_string(), (RIGHT, y - 10.0), 12.0);
        if invoice.status == InvoiceStatus::Pending {
            let request = format!("Please pay {} by {}.", invoice.total, invoice.due_on);
            self.left(&request, (LEFT, y - 36.0), SIZE);
        }
    }

    fn wrap(&self, text: &str, width: f32) -> Vec<String> {
        self.wrap_at(text, width, SIZE)
    }

    /// Breaks at spaces, and inside a word where it is too long for a line: East Asian text has no spaces.
    fn wrap_at(&self, text: &str, width: f32, size: f32) -> Vec<String> {
        let fits = |line: &str| self.typesetter.width(line) * size <= width;
        let (mut lines, mut line) = (Vec::new(), String::new());
        for word in text.split(' ') {
            let longer = if line.is_empty() {
                word.to_owned()
            } else {
                format!("{line} {word}")
            };
            if fits(&longer) {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for letter in word.chars() {
                line.push(letter);
                if !fits(&line) {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, letter.to_string()));
                }
            }
        }
        lines.push(line);
        lines
    }

    fn finish(mut self, invoice: &Invoice) -> Vec<u8> {
        let count = self.pages.len();
        for (position, page) in self.pages.iter_mut().enumerate() {
            let foot = format!("{}, page {} of {count}", invoice.number, position + 1);
            self.typesetter.show(page, &foot, (LEFT, 48.0), 8.0);
        }
        let mut pdf = Pdf::new();
        let mut last = 0;
        let mut next = || {
            last += 1;
            Ref::new(last)
        };
        let (catalog, tree, info) = (next(), next(), next());
        pdf.catalog(catalog).pages(tree);
        pdf.document_info(info)
            .title(TextStr(&format!("Invoice {}", invoice.number)))
            .producer(TextStr("Tenantry"));
        let fonts = self.typesetter.finish(&mut pdf, &mut next);
        let mut kids = Vec::new();
        for content in self.pages {
            let (page, stream) = (next(), next());
            kids.push(page);
            let mut written = pdf.page(page);
            written
                .parent(tree)
                .media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1))
                .contents(stream);
            let mut resources = written.resources();
            let mut named = resources.fonts();
            for (name, font) in fonts {
                named.pair(name as Name<'_>, font);
            }
            named.finish();
            resources.finish();
            written.finish();
            pdf.stream(stream, &content.finish());
        }
        pdf.pages(tree)
            .count(i32::try_from(count).unwrap_or(i32::MAX))
            .kids(kids);
        pdf.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use serde_json::{Value, json};

    use super::*;

    fn invoice(changes: Value) -> Invoice {
        let mut invoice = json!({
            "id": "019bc0fd-89c0-727a-8d9a-8d38c7a37c92", "tenantId": "019bc0fd-89c0-7d04-a475-4498e06db5a1",
            "number": "ACME-000001", "status": "PENDING", "total": { "amount": 123_446, "currencyCode": "EUR" },
            "lines": [
                line("Basic, 2026-01-31 to 2026-02-27", 1, 4900), line("Seats", 12, 9879), line("Discount for loyal customers", 1, -2),
            ],
            "period": { "from": "2026-01-31", "until": "2026-02-28" }, "issuedOn": "2026-02-28", "dueOn": "2026-03-14",
            "seller": { "name": "Tenantry GmbH", "address": ["Hauptstraße 1", "10115 Berlin"], "taxId": "DE123456789" },
            "buyer": { "name": "Acme", "address": ["1 Main Street", "W1 London"] },
            "createdAt": "2026-02-28T00:00:00.000Z", "createdBy": "system", "modifiedAt": "2026-02-28T00:00:00.000Z",
            "modifiedBy": "system", "version": 1,
        });
        if let (Some(members), Value::Object(changes)) = (invoice.as_object_mut(), changes) {
            members.extend(changes);
        }
        serde_json::from_value(invoice).expect("the example is an invoice")
    }

    fn line(description: &str, quantity: i64, unit: i64) -> Value {
        let money = |amount: i64| json!({ "amount": amount, "currencyCode": "EUR" });
        json!({ "description": description, "quantity": quantity, "unitAmount": money(unit), "amount": money(unit * quantity) })
    }

    fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
        let parts = text.split(start).skip(1);
        parts.filter_map(|part| part.split(end).next()).collect()
    }

    fn units(hex: &str) -> Vec<u16> {
        let digits: Vec<char> = hex.chars().collect();
        let unit = |digits: &[char]| u16::from_str_radix(&digits.iter().collect::<String>(), 16);
        let units = digits.chunks(4).map(unit);
        units.map(|unit| unit.expect("strings are hexadecimal")).collect()
    }

    /// The operand of a `Tj`: hexadecimal, or in brackets with escapes (ISO 32000-1, 7.3.4).
    fn operand(text: &str) -> Vec<u16> {
        if let Some(hex) = text.strip_prefix('<') {
            return units(hex.split('>').next().unwrap_or_default());
        }
        let (mut bytes, mut depth) = (Vec::new(), 0);
        let mut letters = text.bytes().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                b'\\' => match letters.next().unwrap_or_default() {
                    digit @ b'0'..=b'7' => {
                        let more = [letters.next(), letters.next()].map(Option::unwrap_or_default);
                        bytes.push((digit - b'0') * 64 + (more[0] - b'0') * 8 + more[1] - b'0');
                    }
                    b'n' => bytes.push(b'\n'),
                    b'r' => bytes.push(b'\r'),
                    b't' => bytes.push(b'\t'),
                    b'b' => bytes.push(8),
                    b'f' => bytes.push(12),
                    other => bytes.push(other),
                },
                b'(' if depth == 0 => depth = 1,
                b')' if depth == 1 => break,
                other => {
                    depth += i32::from(other == b'(') - i32::from(other == b')');
                    bytes.push(other);
                }
            }
        }
        let pair = |pair: &[u8]| u16::from_be_bytes([pair[0], pair[1]]);
        bytes.chunks_exact(2).map(pair).collect()
    }

    /// What is shown, a line for each piece, with its place: read back through the maps that viewers use to copy text.
    fn shown(pdf: &[u8]) -> String {
        let text = String::from_utf8_lossy(pdf);
        let map: BTreeMap<u16, u16> = between(&text, "beginbfchar\n", "endbfchar")
            .into_iter()
            .flat_map(str::lines)
            .filter_map(|line| line.split_once("> <"))
            .map(|(from, to)| {
                (
                    units(from.trim_start_matches('<'))[0],
                    units(to.trim_end_matches('>'))[0],
                )
            })
            .collect();
        let mut shown = String::new();
        for piece in between(&text, "BT\n", "ET") {
            let mut words = String::new();
            for run in piece.split("/F").skip(1) {
                let is_embedded = run.starts_with('1');
                let shown = run.split_once("Tf\n").map_or("", |(_, shown)| shown);
                let letters = operand(shown)
                    .into_iter()
                    .map(|unit| if is_embedded { map[&unit] } else { unit });
                words.push_str(&String::from_utf16_lossy(&letters.collect::<Vec<_>>()));
            }
            let matrix: Vec<&str> = piece.split(" Tm").next().unwrap_or_default().split(' ').collect();
            let _ = writeln!(shown, "{:>8} {:>8}  {words}", matrix[4], matrix[5]);
        }
        shown
    }

    #[test]
    fn an_invoice_looks_like_one() {
        let pdf = render(&invoice(json!({})));

        assert!(pdf.starts_with(b"%PDF-"));
        insta::assert_snapshot!(shown(&pdf));
    }

    #[test]
    fn the_same_invoice_makes_the_same_bytes() {
        assert_eq!(render(&invoice(json!({}))), render(&invoice(json!({}))));
    }

    #[test]
    fn many_lines_are_set_on_as_many_pages_as_they_need() {
        let lines: Vec<Value> = (1..=100)
            .map(|n| line(&format!("Line {n}, {}", "with many words ".repeat(5)), n, 100))
            .collect();

        let pdf = render(&invoice(json!({ "lines": lines })));

        let shown = shown(&pdf);
        let pages = String::from_utf8_lossy(&pdf).matches("/Type /Page\n").count();
        assert!(pages > 3, "{pages}");
        assert_eq!(shown.matches("Description").count(), pages);
        assert!(shown.contains(&format!("ACME-000001, page {pages} of {pages}")));
        assert!((1..=100).all(|n| shown.contains(&format!("Line {n}, "))));
        assert_eq!(shown.matches("Total").count(), 1);
    }

    #[test]
    fn names_in_any_script_are_read_as_they_were_written_or_in_latin_letters() {
        let cases = [
            ("Łódzka Spółka z o.o. Żółć", "Łódzka Spółka z o.o. Żółć"),
            ("Ελληνική Εταιρεία", "Ελληνική Εταιρεία"),
            ("ООО «Ромашка» №7 ₽", "ООО «Ромашка» №7 ₽"),
            ("Công ty Hoà Bình", "Công ty Hoà Bình"),
            ("株式会社トヨタ Ltd", "株式会社トヨタ Ltd"),
            ("삼성전자 주식회사", "삼성전자 주식회사"),
            ("华为技术有限公司", "华为技术有限公司"),
            ("שלום", "slvm"),
            ("Acme 🚀 (1)", "Acme :rocket: (1)"),
            ("a) \\ (b <c>", "a) \\ (b <c>"),
        ];

        for (name, read) in cases {
            let pdf = render(&invoice(json!({ "buyer": { "name": name, "address": [] } })));
            let shown = shown(&pdf);
            let found = shown.lines().any(|line| {
                line.ends_with(&format!("  {read}")) || line.to_lowercase().contains(&read.to_lowercase())
            });
            assert!(found, "{name}: {shown}");
        }
    }

    #[test]
    fn a_word_without_spaces_is_broken_and_nothing_leaves_the_page() {
        let long = "W".repeat(200);

        let shown = shown(&render(&invoice(
            json!({ "lines": [line(&long, 1, 1)], "buyer": { "name": long, "address": [] } }),
        )));

        let letters = shown.matches('W').count();
        assert_eq!(letters, 400);
        assert!(
            shown.lines().all(|line| line.matches('W').count() < 40),
            "{shown}"
        );
    }

    #[test]
    fn what_became_of_it_stands_on_it() {
        let paid = shown(&render(&invoice(
            json!({ "status": "PAID", "paidOn": "2026-03-01" }),
        )));
        let cancelled = shown(&render(&invoice(json!({ "status": "CANCELLED" }))));

        assert!(paid.contains("Paid on") && !paid.contains("Please pay"));
        assert!(cancelled.contains("CANCELLED") && !cancelled.contains("Please pay"));
    }
}
