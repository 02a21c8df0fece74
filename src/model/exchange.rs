//! One proxied request and response, as evidence keeps it.

use std::borrow::Cow;
use std::fmt;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::time::Timestamp;

/// Names one exchange; a version 7 UUID, so that ids sort by time. The X-Road message id is the instance and this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(Uuid);

impl ExchangeId {
    /// The id with this UUID.
    #[must_use]
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads the hyphenated form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    /// The UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl Serialize for ExchangeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl<'de> Deserialize<'de> for ExchangeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an exchange id"))
    }
}

/// A SHA-256 digest; lower-case hexadecimal on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of no bytes at all.
    pub const OF_NOTHING: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae,
        0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ]);

    /// Reads 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
        (lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(Self(bytes))
    }

    /// 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_hex()).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.to_hex()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a SHA-256 digest in lower-case hexadecimal"))
    }
}

/// What a body was, without keeping it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyDigest {
    /// SHA-256 over its bytes as passed on.
    pub sha256: Digest,
    /// How many bytes.
    pub size: u64,
}

impl BodyDigest {
    /// Of a body without bytes.
    pub const EMPTY: Self = Self { sha256: Digest::OF_NOTHING, size: 0 };
}

/// Which part of an exchange a record tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// All of it: refused, or answered with a body that was whole before anything was released.
    Exchange,
    /// Permitted, forwarded and answered, body to follow; durable before the first byte is released.
    Opening,
    /// The end of an opened one; durable before the last byte is released.
    Completion,
    /// Not an exchange: what the log found when it was opened after a crash.
    Incident,
}

impl RecordKind {
    /// The kind's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exchange => "exchange",
            Self::Opening => "opening",
            Self::Completion => "completion",
            Self::Incident => "incident",
        }
    }
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Not permitted; nothing was forwarded.
    Refused,
    /// Not ended yet; only in an opening.
    Open,
    /// The whole answer was given to the consumer.
    Complete,
    /// The consumer went away before the whole answer was given, or did not send its whole request.
    Aborted,
    /// The X-Road side did not answer, failed, or broke off.
    Failed,
}

/// Whether the policy lets a call pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It may pass.
    Permit,
    /// It may not.
    Refuse,
}

impl Effect {
    /// `permit` or `refuse`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Refuse => "refuse",
        }
    }
}

/// The clauses that decided a call, as a JSON array, kept as text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Clauses(Box<RawValue>);

impl Clauses {
    /// The JSON form of a list of clauses.
    #[must_use]
    pub fn of<T: Serialize>(clauses: &[T]) -> Self {
        serde_json::value::to_raw_value(clauses).map_or_else(|_| Self(RawValue::NULL.to_owned()), Self)
    }

    /// The first clauses of a list, as many as take no more than so many bytes.
    #[must_use]
    pub fn of_first<T: Serialize>(clauses: &[T], most: usize) -> Self {
        let mut left = most;
        let fits = |clause: &T| {
            let size = serde_json::to_vec(clause).map_or(usize::MAX, |json| json.len() + 1);
            left.checked_sub(size).inspect(|rest| left = *rest).is_some()
        };
        let fitting = clauses.iter().map(fits).take_while(|fits| *fits).count();
        Self::of(clauses.get(..fitting).unwrap_or_default())
    }

    /// The array as JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.get()
    }
}

/// What a decision rested on, by left operand, as a JSON object, kept as text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(Box<RawValue>);

impl Facts {
    /// The JSON form of values by left operand: one value as text, several as an array.
    #[must_use]
    pub fn of<'a>(facts: impl Iterator<Item = (&'a str, Vec<String>)>) -> Self {
        let written = serde_json::value::to_raw_value(&Written(std::cell::RefCell::new(facts)));
        written.map_or_else(|_| Self(RawValue::NULL.to_owned()), Self)
    }

    /// How many bytes its JSON form takes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.get().len()
    }

    /// The values by left operand; a text or an array of texts each.
    #[must_use]
    pub fn values(&self) -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }
}

/// Values by left operand, written as they come.
struct Written<I>(std::cell::RefCell<I>);

impl<'a, I: Iterator<Item = (&'a str, Vec<String>)>> Serialize for Written<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (operand, values) in &mut *self.0.borrow_mut() {
            match values.as_slice() {
                [one] => map.serialize_entry(operand, one)?,
                several => map.serialize_entry(operand, several)?,
            }
        }
        map.end()
    }
}

impl PartialEq for Facts {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl PartialEq for Clauses {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

/// The decision made for one call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict<'a> {
    /// What was decided.
    pub effect: Effect,
    /// A stable code of the reason, such as `policy.permitted` or `transfer.suspended`.
    pub code: Cow<'a, str>,
    /// The clauses that decided it, in full, as a JSON array.
    pub clauses: Cow<'a, Clauses>,
    /// What the policy looked at, and what the call declared; absent when it was refused before its policy was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Cow<'a, Facts>>,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked<'a> {
    /// HTTP method.
    pub method: Cow<'a, str>,
    /// Path and query below the asset, as received.
    pub path: Cow<'a, str>,
    /// `X-Road-Id` that it was forwarded under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xroad_id: Option<Cow<'a, str>>,
    /// `X-Road-Client` that it was forwarded for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Cow<'a, str>>,
    /// The request's body, once it was forwarded to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<BodyDigest>,
}

/// What came back from the X-Road side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answered<'a> {
    /// HTTP status given to the consumer.
    pub status: u16,
    /// `X-Road-Request-Id`, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xroad_request_id: Option<Cow<'a, str>>,
    /// `X-Road-Request-Hash`, when there was one: base64 of a SHA-512 digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xroad_request_hash: Option<Cow<'a, str>>,
    /// The X-Road fault code, when X-Road and not the service answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Cow<'a, str>>,
    /// The body given to the consumer; absent in an opening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<BodyDigest>,
}

/// When things happened. What is released is released after the record's own `recorded`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// The request's head was read.
    pub received: Timestamp,
    /// It was passed to the security server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<Timestamp>,
    /// The answer's head arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Timestamp>,
    /// The first byte of the answer was released; only known in a completion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Timestamp>,
}

/// One exchange, permitted or refused. Borrowed where it is written, owned where it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange<'a> {
    /// Which part of the exchange this is.
    pub kind: RecordKind,
    /// The exchange.
    pub exchange: ExchangeId,
    /// In a completion: the sequence number of its opening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<u64>,
    /// The provider, a participant served here.
    pub participant: Cow<'a, str>,
    /// The consumer.
    pub counterparty: Cow<'a, str>,
    /// The agreement it rests on.
    pub agreement: Cow<'a, str>,
    /// The transfer, by our pid.
    pub transfer: Cow<'a, str>,
    /// The dataset.
    pub dataset: Cow<'a, str>,
    /// SHA-256 of the agreement's policy; absent when the call was refused before its policy was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Digest>,
    /// What was decided.
    pub decision: Verdict<'a>,
    /// What was asked.
    pub request: Asked<'a>,
    /// What came back; absent when nothing was forwarded or nothing came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Answered<'a>>,
    /// How it ended.
    pub outcome: Outcome,
    /// When.
    pub times: Times,
    /// W3C trace id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Cow<'a, str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_texts_or_lists_of_texts_by_operand() {
        let facts =
            [("count", vec!["1".to_owned()]), ("purpose", vec!["a".to_owned(), "\"b".to_owned()]), ("x", vec![])];
        let written = serde_json::to_string(&Facts::of(facts.into_iter())).unwrap();
        assert_eq!(written, r#"{"count":"1","purpose":["a","\"b"],"x":[]}"#);
    }

    #[test]
    fn a_digest_reads_back_and_has_one_spelling() {
        let digest = Digest::parse("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855").unwrap();
        assert_eq!(digest, Digest::OF_NOTHING);
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(Digest::parse(&digest.to_string().to_uppercase()), None);
        assert_eq!(Digest::parse("e3"), None);
    }
}
