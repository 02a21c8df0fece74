//! Units of amounts: which of them a left operand can have, and what an amount in one is in another.
//!
//! ODRL leaves open how units are named. Read are codes (ISO 4217, UCUM and those in common use), alone or at the end of an IRI, and the
//! names that DBpedia and QUDT give them.

use iso_currency::Currency;

use super::canonical;
use crate::policy::value::Decimal;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Money, by currency (ISO 4217).
    Currency,
    /// A part of the whole, in per cent.
    Percentage,
    /// Dots or pixels for a length.
    Resolution,
    /// A length.
    Length,
    /// A number of pixels.
    Pixels,
    /// An amount of data.
    Data,
    /// A length of time.
    Time,
}

impl Dimension {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Currency => "a currency of ISO 4217, such as EUR",
            Self::Percentage => "%",
            Self::Resolution => "a resolution, such as dpi",
            Self::Length => "a length, such as mm",
            Self::Pixels => "px",
            Self::Data => "an amount of data, such as MB",
            Self::Time => "a length of time, such as min",
        }
    }
}

/// The units that the values of a left operand may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// None: they are no amounts.
    None,
    /// Any, by whatever name: what they measure is not known here.
    Any,
    /// Those that measure one of these.
    Of(&'static [Dimension]),
}

impl Units {
    /// What they are, for people.
    pub(crate) fn told(self) -> String {
        match self {
            Self::None => "it has no unit".to_owned(),
            Self::Any => "it may be in any unit".to_owned(),
            Self::Of(dimensions) => {
                let all: Vec<&str> = dimensions.iter().map(|dimension| dimension.as_str()).collect();
                format!("its unit is {}", all.join(", or "))
            }
        }
    }

    /// The unit that amounts are in where nothing is said, if there is only one.
    pub(crate) fn only(self) -> Option<Unit> {
        match self {
            Self::Of([Dimension::Percentage]) => Unit::within("%", &[Dimension::Percentage]),
            _ => None,
        }
    }
}

/// A unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Its code, or whatever it is called where that is not known here.
    name: Box<str>,
    /// What it is in the smallest unit of its kind.
    scale: Option<Scale>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scale {
    smallest: &'static str,
    factor: i64,
}

/// A unit that is known: its names, code first, what it measures, and how many of the smallest unit of its kind it is.
type Known = (&'static [&'static str], Dimension, &'static str, i64);

/// Lengths are counted in ninths of a micrometre, so that metric and typographic ones are whole.
const KNOWN: [Known; 44] = [
    (&["%", "percent", "Percent", "PERCENT", "Percentage"], Dimension::Percentage, "%", 1),
    (&["px", "pixel", "pixels", "Pixel", "PIXEL"], Dimension::Pixels, "px", 1),
    (&["dpi", "DPI", "Dots_per_inch", "DOTS-PER-IN"], Dimension::Resolution, "dot", 50),
    (&["dpcm", "DPCM"], Dimension::Resolution, "dot", 127),
    (&["dpmm", "DPMM"], Dimension::Resolution, "dot", 1270),
    (&["ppi", "PPI", "Pixels_per_inch"], Dimension::Resolution, "pixel", 50),
    (&["ppcm", "PPCM"], Dimension::Resolution, "pixel", 127),
    (&["um", "µm", "MicroM", "Micrometre"], Dimension::Length, "um/9", 9),
    (&["mm", "MilliM", "Millimetre"], Dimension::Length, "um/9", 9_000),
    (&["cm", "CentiM", "Centimetre"], Dimension::Length, "um/9", 90_000),
    (&["m", "M", "Metre"], Dimension::Length, "um/9", 9_000_000),
    (&["km", "KiloM", "Kilometre"], Dimension::Length, "um/9", 9_000_000_000),
    (&["in", "[in_i]", "IN", "Inch"], Dimension::Length, "um/9", 228_600),
    (&["ft", "[ft_i]", "FT", "Foot_(unit)"], Dimension::Length, "um/9", 2_743_200),
    (&["yd", "[yd_i]", "YD", "Yard"], Dimension::Length, "um/9", 8_229_600),
    (&["mi", "[mi_i]", "MI", "Mile"], Dimension::Length, "um/9", 14_484_096_000),
    (&["pt", "Point_(typography)"], Dimension::Length, "um/9", 3_175),
    (&["pc", "Pica_(typography)"], Dimension::Length, "um/9", 38_100),
    (&["bit", "BIT", "Bit"], Dimension::Data, "bit", 1),
    (&["kbit", "KiloBIT", "Kilobit"], Dimension::Data, "bit", 1_000),
    (&["Mbit", "MegaBIT", "Megabit"], Dimension::Data, "bit", 1_000_000),
    (&["Gbit", "GigaBIT", "Gigabit"], Dimension::Data, "bit", 1_000_000_000),
    (&["B", "By", "byte", "bytes", "BYTE", "Byte"], Dimension::Data, "bit", 8),
    (&["kB", "kBy", "KiloBYTE", "Kilobyte"], Dimension::Data, "bit", 8_000),
    (&["MB", "MBy", "MegaBYTE", "Megabyte"], Dimension::Data, "bit", 8_000_000),
    (&["GB", "GBy", "GigaBYTE", "Gigabyte"], Dimension::Data, "bit", 8_000_000_000),
    (&["TB", "TBy", "TeraBYTE", "Terabyte"], Dimension::Data, "bit", 8_000_000_000_000),
    (&["Kibit", "KibiBIT", "Kibibit"], Dimension::Data, "bit", 1 << 10),
    (&["Mibit", "MebiBIT", "Mebibit"], Dimension::Data, "bit", 1 << 20),
    (&["Gibit", "GibiBIT", "Gibibit"], Dimension::Data, "bit", 1 << 30),
    (&["KiB", "KiBy", "KibiBYTE", "Kibibyte"], Dimension::Data, "bit", 1 << 13),
    (&["MiB", "MiBy", "MebiBYTE", "Mebibyte"], Dimension::Data, "bit", 1 << 23),
    (&["GiB", "GiBy", "GibiBYTE", "Gibibyte"], Dimension::Data, "bit", 1 << 33),
    (&["TiB", "TiBy", "TebiBYTE", "Tebibyte"], Dimension::Data, "bit", 1 << 43),
    (&["ms", "MilliSEC", "Millisecond"], Dimension::Time, "ms", 1),
    (&["s", "SEC", "SecondTime", "Second"], Dimension::Time, "ms", 1_000),
    (&["min", "MIN", "MinuteTime", "Minute"], Dimension::Time, "ms", 60_000),
    (&["h", "HR", "Hour", "HourTime"], Dimension::Time, "ms", 3_600_000),
    (&["d", "DAY", "Day", "DayTime"], Dimension::Time, "ms", 86_400_000),
    (&["wk", "WK", "Week"], Dimension::Time, "ms", 604_800_000),
    (&["seconds", "second"], Dimension::Time, "ms", 1_000),
    (&["minutes", "minute"], Dimension::Time, "ms", 60_000),
    (&["hours", "hour"], Dimension::Time, "ms", 3_600_000),
    (&["days", "day"], Dimension::Time, "ms", 86_400_000),
];

/// Currencies by the names that DBpedia gives them, as policies write them.
const CURRENCIES: [(&str, &str); 13] = [
    ("Euro", "EUR"),
    ("United_States_dollar", "USD"),
    ("US_Dollar", "USD"),
    ("Pound_sterling", "GBP"),
    ("Swiss_franc", "CHF"),
    ("Danish_krone", "DKK"),
    ("Norwegian_krone", "NOK"),
    ("Swedish_krona", "SEK"),
    ("Icelandic_króna", "ISK"),
    ("Czech_koruna", "CZK"),
    ("Polish_złoty", "PLN"),
    ("Ukrainian_hryvnia", "UAH"),
    ("Japanese_yen", "JPY"),
];

impl Unit {
    /// A unit that measures one of these, by its code, its name, or an IRI that ends with either; `None` when it is none of them.
    pub(crate) fn within(text: &str, dimensions: &[Dimension]) -> Option<Self> {
        let name = text.rsplit(['/', '#', ':']).next().unwrap_or(text);
        if dimensions.contains(&Dimension::Currency)
            && let Some(code) = currency(name)
        {
            return Some(Self { name: code.into(), scale: None });
        }
        let known = KNOWN.iter().find(|(names, dimension, ..)| dimensions.contains(dimension) && names.contains(&name));
        let (names, _, smallest, factor) = known?;
        let code = names.first().copied().unwrap_or(name);
        Some(Self { name: code.into(), scale: Some(Scale { smallest, factor: *factor }) })
    }

    /// A unit of a left operand that is defined elsewhere: what its code says of it, if it is one, or else what it is called.
    pub(crate) fn named(text: &str) -> Self {
        const VOCABULARIES: [&str; 3] = ["dbpedia.org/resource/", "qudt.org/vocab/", "unitsofmeasure.org/"];
        const ALL: [Dimension; 7] = [
            Dimension::Currency,
            Dimension::Percentage,
            Dimension::Resolution,
            Dimension::Length,
            Dimension::Pixels,
            Dimension::Data,
            Dimension::Time,
        ];
        let is_code = !text.contains([':', '/', '#']) || VOCABULARIES.iter().any(|from| text.contains(from));
        let known = if is_code { Self::within(text, &ALL) } else { None };
        known.unwrap_or_else(|| Self { name: canonical(text).into(), scale: None })
    }

    /// Its code, or whatever it is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// An amount of this unit in another one; `None` where that is something else, or no decimal number.
    pub(crate) fn convert(&self, amount: Decimal, to: &Self) -> Option<Decimal> {
        match (self.scale, to.scale) {
            _ if self.name == to.name => Some(amount),
            (Some(from), Some(to)) if from.smallest == to.smallest => amount.times_exactly(from.factor, to.factor),
            _ => None,
        }
    }

    /// An amount of time in milliseconds, where this is a unit of time.
    pub(crate) fn millis(&self, amount: Decimal) -> Option<i64> {
        let scale = self.scale.filter(|scale| scale.smallest == "ms")?;
        amount.times_exactly(scale.factor, 1).filter(|millis| millis.is_whole())?.floor()
    }

    /// Reads an amount that says its own unit, such as `5 EUR` or `30 %`, as a number of this unit. One that says none is read as it
    /// is elsewhere; `None` also where it is an amount of something else.
    pub(crate) fn read(&self, text: &str) -> Option<Decimal> {
        let text = text.trim();
        let at = text.find(|c: char| c.is_whitespace() || c == '%')?;
        let (number, unit) = text.split_at(at);
        Self::named(unit.trim()).convert(Decimal::parse(number)?, self)
    }
}

fn currency(name: &str) -> Option<&'static str> {
    let code = CURRENCIES.iter().find(|(known, _)| *known == name).map(|(_, code)| *code);
    let code = code.or_else(|| name.strip_prefix("CCY_")).unwrap_or(name);
    Currency::from_code(code).map(|currency| currency.code())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn units_are_known_by_code_name_and_iri() {
        for (text, dimension, code) in [
            ("EUR", Dimension::Currency, "EUR"),
            ("http://dbpedia.org/resource/Euro", Dimension::Currency, "EUR"),
            ("http://qudt.org/vocab/unit/CCY_ISK", Dimension::Currency, "ISK"),
            ("iptc-currency:UAH", Dimension::Currency, "UAH"),
            ("http://dbpedia.org/resource/Dots_per_inch", Dimension::Resolution, "dpi"),
            ("http://qudt.org/vocab/unit/MinuteTime", Dimension::Time, "min"),
            ("http://qudt.org/vocab/unit/KibiBYTE", Dimension::Data, "KiB"),
            ("percent", Dimension::Percentage, "%"),
        ] {
            let unit = Unit::within(text, &[dimension]).unwrap();
            assert_eq!(&*unit.name, code, "{text}");
        }
        for (text, dimension) in [
            ("EURO", Dimension::Currency),
            ("eur", Dimension::Currency),
            ("dpi", Dimension::Currency),
            ("EUR", Dimension::Resolution),
            ("http://example.org/parsec", Dimension::Length),
            ("", Dimension::Currency),
        ] {
            assert_eq!(Unit::within(text, &[dimension]), None, "{text}");
        }
        // Who names its own units means nobody else's.
        assert_eq!(Unit::named("https://example.org/km").scale, None);
        assert!(Unit::named("km").scale.is_some());
    }

    #[test]
    fn codes_mean_one_unit_each() {
        let names: Vec<&str> = KNOWN.iter().flat_map(|(names, ..)| names.iter().copied()).collect();
        let distinct: std::collections::HashSet<&&str> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }

    #[test]
    fn amounts_are_converted_where_that_is_exact() {
        for (amount, from, to, converted) in [
            ("1", "kB", "B", Some("1000")),
            ("1.5", "KiB", "B", Some("1536")),
            ("1", "KiB", "kB", Some("1.024")),
            ("90", "s", "min", Some("1.5")),
            ("100", "s", "min", None),
            ("1", "in", "cm", Some("2.54")),
            ("72", "pt", "mm", Some("25.4")),
            ("300", "dpi", "dpcm", None),
            ("254", "dpi", "dpcm", Some("100")),
            ("300", "dpi", "ppi", None),
            ("5", "EUR", "EUR", Some("5")),
            ("5", "EUR", "USD", None),
            ("5", "urn:km", "urn:km", Some("5")),
            ("5", "urn:km", "km", None),
            ("99999999999999999999999999999999999999", "TiB", "bit", None),
        ] {
            let found = Unit::named(from).convert(number(amount), &Unit::named(to));
            assert_eq!(found, converted.map(number), "{amount} {from} in {to}");
        }
    }

    #[test]
    fn an_amount_may_say_its_own_unit() {
        let euros = Unit::named("EUR");
        assert_eq!(euros.read("5 EUR"), Some(number("5")));
        assert_eq!(euros.read(" 0.50  http://dbpedia.org/resource/Euro "), Some(number("0.5")));
        for other in ["5", "5 USD", "EUR 5", "five EUR", "", "5EUR"] {
            assert_eq!(euros.read(other), None, "{other}");
        }
        assert_eq!(Unit::named("%").read("33.3%"), Some(number("33.3")));
        assert_eq!(Unit::named("min").millis(number("1.5")), Some(90_000));
        assert_eq!(euros.millis(number("1")), None);
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same_amount(digits in -1_000_000_i64..1_000_000, scale in 0_u32..4, from in 0..KNOWN.len(), to in 0..KNOWN.len()) {
            let [from, to] = [from, to].map(|at| Unit::named(KNOWN[at].0[0]));
            let amount = number(&format!("{digits}e-{scale}"));
            // Beyond 38 digits there is no way back.
            if let Some(back) = from.convert(amount, &to).and_then(|there| to.convert(there, &from)) {
                prop_assert_eq!(back, amount);
            }
        }
    }
}
