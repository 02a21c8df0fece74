//! Finding datasets: filters, order, pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::judge::Sight;
use super::snapshot::{Dataset, DatasetView, Snapshot};
use crate::model::ids::DatasetId;

/// The most datasets on one page.
const MOST: usize = 1_000;

/// What a caller asks of a catalogue.
#[derive(Clone, Debug, Default)]
pub struct DatasetQuery {
    /// How many at most; 0 means 100; never more than 1,000.
    pub limit: usize,
    /// Where the page begins.
    pub start: Start,
    /// What to sort by; the id decides between equals.
    pub sort: DatasetField,
    /// The other way round.
    pub descending: bool,
    /// All must fit.
    pub filters: Vec<Filter>,
}

/// Where a page begins.
#[derive(Clone, Debug, Default)]
pub enum Start {
    /// At the beginning.
    #[default]
    First,
    /// After this many, as EDC's `QuerySpec` counts. Shifts when datasets come and go.
    Offset(usize),
    /// After the last dataset of another page.
    After(Cursor),
    /// Before the first dataset of another page.
    Before(Cursor),
}

/// A property of datasets that can be sorted and filtered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DatasetField {
    /// The dataset id.
    #[default]
    Id,
    /// The title.
    Title,
    /// The description.
    Description,
    /// Any keyword.
    Keyword,
    /// The licence.
    License,
    /// Any theme.
    Theme,
    /// Any purpose.
    Purpose,
    /// The X-Road service, `/` form.
    Service,
    /// The version.
    Version,
}

impl DatasetField {
    /// The field of that name, however it is prefixed: `id`, `@id`, `https://w3id.org/edc/v0.0.1/ns/id`, `dct:title`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let local = name.rsplit(['/', '#', ':', '@', '\'']).find(|part| !part.is_empty())?;
        Some(match local.to_ascii_lowercase().as_str() {
            "id" => Self::Id,
            "title" | "name" => Self::Title,
            "description" => Self::Description,
            "keyword" | "keywords" => Self::Keyword,
            "license" | "licence" => Self::License,
            "theme" | "themes" => Self::Theme,
            "purpose" => Self::Purpose,
            "service" | "xroadservice" => Self::Service,
            "version" => Self::Version,
            _ => return None,
        })
    }

    fn values(self, dataset: &Dataset) -> Vec<&str> {
        match self {
            Self::Id => vec![dataset.id.as_str()],
            Self::Title => dataset.title.as_deref().into_iter().collect(),
            Self::Description => dataset.description.as_deref().into_iter().collect(),
            Self::Keyword => dataset.keywords.iter().map(String::as_str).collect(),
            Self::License => dataset.license.as_deref().into_iter().collect(),
            Self::Theme => dataset.themes.iter().map(String::as_str).collect(),
            Self::Purpose => dataset.purpose.iter().map(String::as_str).collect(),
            Self::Service => vec![dataset.service.as_str()],
            Self::Version => dataset.version.as_deref().into_iter().collect(),
        }
    }
}

/// One condition on a dataset.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What is compared.
    pub field: DatasetField,
    /// How.
    pub operator: FilterOperator,
    /// With what; one value for all operators but `In`.
    pub values: Vec<String>,
}

/// How a condition compares; a property with several values fits when one of them does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterOperator {
    /// Equal.
    Equal,
    /// Not equal, for each of the property's values.
    NotEqual,
    /// One of several.
    In,
    /// SQL's `LIKE`: `%` is any text and `_` any character.
    Like,
    /// As `Like`, whatever the case.
    LikeAnyCase,
    /// A part of the value.
    Contains,
}

impl FilterOperator {
    /// The operator of that name in EDC's criteria.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "=" | "eq" => Self::Equal,
            "!=" | "neq" => Self::NotEqual,
            "in" => Self::In,
            "like" => Self::Like,
            "ilike" => Self::LikeAnyCase,
            "contains" => Self::Contains,
            _ => return None,
        })
    }
}

impl Filter {
    fn fits(&self, dataset: &Dataset) -> bool {
        let values = self.field.values(dataset);
        let any = |fits: &dyn Fn(&str, &str) -> bool| values.iter().any(|v| self.values.iter().any(|w| fits(v, w)));
        match self.operator {
            FilterOperator::Equal | FilterOperator::In => any(&|value, wanted| value == wanted),
            FilterOperator::NotEqual => !any(&|value, wanted| value == wanted),
            FilterOperator::Like => any(&like),
            FilterOperator::LikeAnyCase => any(&|value, wanted| like(&value.to_lowercase(), &wanted.to_lowercase())),
            FilterOperator::Contains => any(&|value, wanted| value.contains(wanted)),
        }
    }
}

/// SQL's `LIKE` with one point to return to, so that the work is at most quadratic.
fn like(value: &str, pattern: &str) -> bool {
    let (mut value, mut pattern) = (value.chars(), pattern.chars());
    let mut back: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let before = value.clone();
        match (pattern.next(), value.next()) {
            (Some('%'), _) => {
                back = Some((before.clone(), pattern.clone()));
                value = before;
            }
            (Some(p), Some(v)) if p == '_' || p == v => {}
            (None, None) => return true,
            _ => {
                let Some((mut from, rest)) = back.take() else { return false };
                if from.next().is_none() {
                    return false;
                }
                value = from.clone();
                pattern = rest.clone();
                back = Some((from, rest));
            }
        }
    }
}

/// A place between two datasets that stays where it is when others come and go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    key: String,
    id: DatasetId,
}

impl Cursor {
    /// An opaque token for a URL.
    #[must_use]
    pub fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}\0{}", self.key, self.id))
    }

    /// Reads a token; `None` when it is none of ours.
    #[must_use]
    pub fn read(token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token.get(..token.len().min(8_192))?).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (key, id) = text.split_once('\0')?;
        Some(Self { key: key.to_owned(), id: id.into() })
    }
}

/// One page of a catalogue.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The datasets.
    pub items: Vec<DatasetView>,
    /// Where the next page begins ([`Start::After`]), if there is one.
    pub next: Option<Cursor>,
    /// Before what the previous page ends ([`Start::Before`]), if there is one.
    pub previous: Option<Cursor>,
}

pub(super) fn page(snapshot: &Snapshot, sight: &Sight<'_>, query: &DatasetQuery) -> Page {
    let fitting = |dataset: &&Dataset| query.filters.iter().all(|filter| filter.fits(dataset));
    let datasets = sight.offered().filter_map(|id| snapshot.datasets.get(id)).map(AsRef::as_ref);
    let seen = datasets.filter(fitting).filter(|dataset| sight.sees(&dataset.id));
    let mut places: Vec<Cursor> = seen.map(|dataset| place(dataset, query.sort)).collect();
    if query.sort != DatasetField::Id {
        places.sort_by(order);
    }
    if query.descending {
        places.reverse();
    }
    let limit = if query.limit == 0 { 100 } else { query.limit.min(MOST) };
    let beyond = |place: &Cursor, cursor: &Cursor| order(place, cursor).is_gt() != query.descending && place != cursor;
    let (from, to) = match &query.start {
        Start::First => (0, limit),
        Start::Offset(offset) => (*offset, offset.saturating_add(limit)),
        Start::After(cursor) => {
            let from = places.iter().position(|p| beyond(p, cursor)).unwrap_or(places.len());
            (from, from + limit)
        }
        Start::Before(cursor) => {
            let to = places.iter().position(|p| p == cursor || beyond(p, cursor)).unwrap_or(places.len());
            (to.saturating_sub(limit), to)
        }
    };
    let to = to.min(places.len());
    let chosen = places.get(from..to).unwrap_or_default();
    Page {
        items: chosen.iter().filter_map(|place| sight.view(&place.id)).collect(),
        next: chosen.last().filter(|_| to < places.len()).cloned(),
        previous: chosen.first().filter(|_| from > 0).cloned(),
    }
}

fn place(dataset: &Dataset, sort: DatasetField) -> Cursor {
    let key = match sort {
        DatasetField::Id => String::new(),
        field => field.values(dataset).first().copied().unwrap_or_default().replace('\0', ""),
    };
    Cursor { key, id: dataset.id.clone() }
}

fn order(one: &Cursor, other: &Cursor) -> std::cmp::Ordering {
    one.key.cmp(&other.key).then_with(|| one.id.cmp(&other.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_is_sqls() {
        for (value, pattern, fits) in [
            ("land register", "land%", true),
            ("land register", "%reg%", true),
            ("land register", "land", false),
            ("land", "l_nd", true),
            ("land", "l_d", false),
            ("aaab", "%aab", true),
            ("", "%", true),
            ("", "", true),
            ("a", "", false),
            ("abcabd", "%ab_", true),
        ] {
            assert_eq!(like(value, pattern), fits, "{value} {pattern}");
        }
    }

    #[test]
    fn a_cursor_reads_back_and_garbage_does_not() {
        let cursor = Cursor { key: "Maa".into(), id: "DEV:GOV:1:a:b".into() };
        assert_eq!(Cursor::read(&cursor.token()), Some(cursor));
        assert_eq!(Cursor::read("not a token"), None);
        assert_eq!(Cursor::read(""), None);
    }

    #[test]
    fn fields_are_known_by_their_names_in_the_field() {
        for name in ["id", "@id", "https://w3id.org/edc/v0.0.1/ns/id", "edc:id", "'id'"] {
            assert_eq!(DatasetField::named(name), Some(DatasetField::Id), "{name}");
        }
        assert_eq!(DatasetField::named("http://purl.org/dc/terms/title"), Some(DatasetField::Title));
        assert_eq!(DatasetField::named("color"), None);
    }
}
