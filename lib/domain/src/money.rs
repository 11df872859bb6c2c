use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Rule;

/// A currency of ISO 4217 that amounts can be counted in: test codes and precious metals have no minor unit and are none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Currency(iso_currency::Currency);

/// An amount in the currency's minor unit: cents for euros, yen for yen, fils for dinars. There are no floats here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Money {
    /// In minor units; may be negative.
    amount: i64,
    /// In which currency.
    currency_code: Currency,
}

impl Currency {
    /// Reads the three letters.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let known = iso_currency::Currency::from_code(text).filter(|currency| currency.exponent().is_some());
        known.map(Self).ok_or_else(|| {
            Rule::new(
                "unknown_currency",
                "must be a currency code of ISO 4217 such as EUR",
            )
        })
    }

    /// The three letters.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimals the minor unit has.
    pub fn decimals(self) -> usize {
        usize::from(self.0.exponent().unwrap_or_default())
    }
}

impl Money {
    /// Amounts are at most so large, either way: JSON readers that keep numbers as floats keep these exactly.
    pub const MAX: i64 = 999_999_999_999_999;

    /// So many minor units.
    pub fn new(amount: i64, currency: Currency) -> Result<Self, Rule> {
        if (-Self::MAX..=Self::MAX).contains(&amount) {
            Ok(Self {
                amount,
                currency_code: currency,
            })
        } else {
            Err(too_large())
        }
    }

    /// Nothing.
    pub fn zero(currency: Currency) -> Self {
        Self {
            amount: 0,
            currency_code: currency,
        }
    }

    /// In minor units.
    pub fn amount(self) -> i64 {
        self.amount
    }

    /// In which currency.
    pub fn currency(self) -> Currency {
        self.currency_code
    }

    /// Both together, unless that is too large or of two currencies.
    pub fn plus(self, other: Self) -> Result<Self, Rule> {
        if self.currency_code != other.currency_code {
            return Err(Rule::new(
                "other_currency",
                format!("must be in {}", self.currency_code.code()),
            ));
        }
        let sum = self.amount.checked_add(other.amount).ok_or_else(too_large)?;
        Self::new(sum, self.currency_code)
    }

    /// So many times, unless that is too large.
    pub fn times(self, quantity: i64) -> Result<Self, Rule> {
        let product = self.amount.checked_mul(quantity).ok_or_else(too_large)?;
        Self::new(product, self.currency_code)
    }

    /// The part of the price of a whole of `of` days that the days from `from` until `until` have.
    ///
    /// Rounding is cumulative: a part is what is owed at its end less what was owed at its beginning, each rounded half up.
    /// So the parts of a whole sum to its price, however it is cut, and none is off by a minor unit or more.
    #[must_use]
    pub fn share(self, (from, until): (i64, i64), of: i64) -> Self {
        let owed = |days: i64| {
            let (days, of) = (i128::from(days.clamp(0, of)), i128::from(of.max(1)));
            (2 * i128::from(self.amount) * days + of).div_euclid(2 * of)
        };
        let part = owed(until) - owed(from);
        Self {
            amount: i64::try_from(part).expect("a part of an amount is not larger than the amount"),
            ..self
        }
    }

    /// Without the currency: `1,234.50`.
    pub fn figures(self) -> String {
        let decimals = self.currency_code.decimals();
        let digits = format!("{:0>width$}", self.amount.unsigned_abs(), width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        let mut text = String::new();
        if self.amount < 0 {
            text.push('-');
        }
        for (place, digit) in whole.chars().enumerate() {
            if place > 0 && (whole.len() - place) % 3 == 0 {
                text.push(',');
            }
            text.push(digit);
        }
        if decimals > 0 {
            text.push('.');
            text.push_str(fraction);
        }
        text
    }
}

fn too_large() -> Rule {
    Rule::new(
        "amount_too_large",
        format!("must be at most {} minor units", Money::MAX),
    )
}

/// For people: `1,234.50 EUR`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.figures(), self.currency_code.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(amount: i64, code: &str) -> Money {
        let currency = Currency::parse(code).expect("the example is a currency");
        Money::new(amount, currency).expect("the example is an amount")
    }

    #[test]
    fn amounts_are_printed_with_the_decimals_of_their_currency() {
        let cases = [
            (123_450, "EUR", "1,234.50 EUR"),
            (0, "EUR", "0.00 EUR"),
            (5, "EUR", "0.05 EUR"),
            (-5, "EUR", "-0.05 EUR"),
            (-123_456_789, "USD", "-1,234,567.89 USD"),
            (100_000, "USD", "1,000.00 USD"),
            (123_450, "JPY", "123,450 JPY"),
            (7, "JPY", "7 JPY"),
            (1_234_567, "KWD", "1,234.567 KWD"),
            (1, "BHD", "0.001 BHD"),
            (12_345, "CLF", "1.2345 CLF"),
            (Money::MAX, "EUR", "9,999,999,999,999.99 EUR"),
        ];

        for (amount, code, text) in cases {
            assert_eq!(money(amount, code).to_string(), text);
        }
    }

    #[test]
    fn what_nobody_pays_in_is_no_currency() {
        for code in ["", "eur", "EURO", "XXX", "XTS", "XAU", "€", "978", "EU R"] {
            assert_eq!(
                Currency::parse(code).map_err(|rule| rule.code),
                Err("unknown_currency"),
                "{code:?}"
            );
        }
    }

    #[test]
    fn no_sum_overflows_silently() {
        let most = money(Money::MAX, "EUR");
        let one = money(1, "EUR");

        let refused = [
            Money::new(i64::MAX, most.currency()),
            Money::new(i64::MIN, most.currency()),
            Money::new(Money::MAX + 1, most.currency()),
            most.plus(one),
            most.times(2),
            most.times(i64::MAX),
            one.times(i64::MIN),
            money(-Money::MAX, "EUR").plus(money(-1, "EUR")),
        ];

        for refused in refused {
            assert_eq!(refused.map_err(|rule| rule.code), Err("amount_too_large"));
        }
        assert_eq!(most.plus(money(-1, "EUR")), Ok(money(Money::MAX - 1, "EUR")));
        assert_eq!(
            one.plus(money(1, "USD")).map_err(|rule| rule.code),
            Err("other_currency")
        );
    }

    #[test]
    fn a_part_is_rounded_half_up() {
        let price = money(100, "EUR");

        assert_eq!(price.share((0, 1), 3).amount(), 33);
        assert_eq!(price.share((1, 2), 3).amount(), 34);
        assert_eq!(price.share((2, 3), 3).amount(), 33);
        assert_eq!(money(1, "JPY").share((0, 15), 30).amount(), 1);
        assert_eq!(money(1, "JPY").share((15, 30), 30).amount(), 0);
    }

    proptest! {
        #[test]
        fn the_parts_of_a_price_sum_to_it_however_it_is_cut(
            amount in 0..=Money::MAX, days in 1..400_i64, cuts in prop::collection::btree_set(0..400_i64, 0..20),
        ) {
            let price = money(amount, "EUR");
            let mut borders = vec![0];
            borders.extend(cuts.into_iter().filter(|cut| *cut < days && *cut > 0));
            borders.push(days);

            let parts: Vec<i64> = borders.windows(2).map(|part| price.share((part[0], part[1]), days).amount()).collect();

            prop_assert_eq!(parts.iter().sum::<i64>(), amount);
            for (part, border) in parts.iter().zip(borders.windows(2)) {
                let exact = i128::from(amount) * i128::from(border[1] - border[0]);
                prop_assert!((i128::from(*part) * i128::from(days) - exact).abs() <= i128::from(days));
            }
        }

        #[test]
        fn what_was_written_is_read_back(amount in -Money::MAX..=Money::MAX, code in "EUR|JPY|KWD") {
            let money = money(amount, &code);
            let json = serde_json::to_string(&money).expect("money has plain members");

            prop_assert_eq!(serde_json::from_str::<Money>(&json).expect("what was written can be read"), money);
        }

        #[test]
        fn figures_say_the_amount_and_nothing_else(amount in -Money::MAX..=Money::MAX, code in "EUR|JPY|KWD|CLF") {
            let digits: String = money(amount, &code).figures().chars().filter(|c| !",.".contains(*c)).collect();

            prop_assert_eq!(digits.parse::<i64>(), Ok(amount));
        }
    }
}
