//! The participants served here, and where peers find them.

use crate::model::ids::ParticipantId;

use super::wire::BASE_PATH;

/// One of our participants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// The first segment of its paths; URL-safe, no slash.
    pub segment: String,
    /// Its identifier in the data space.
    pub id: ParticipantId,
    /// Its public base URL, `{public base}/{segment}`, without a trailing slash.
    pub base: String,
}

impl Participant {
    /// A participant under a public base URL (a trailing slash is dropped).
    #[must_use]
    pub fn new(public: &str, segment: &str, id: ParticipantId) -> Self {
        Self { segment: segment.to_owned(), id, base: format!("{}/{segment}", public.trim_end_matches('/')) }
    }

    /// The versioned base that all protocol paths hang off; also the callback address given to peers.
    #[must_use]
    pub fn dsp_base(&self) -> String {
        format!("{}{BASE_PATH}", self.base)
    }
}

/// All participants served by this process.
#[derive(Clone, Debug, Default)]
pub struct Participants(Vec<Participant>);

impl Participants {
    /// From a list.
    #[must_use]
    pub fn new(list: Vec<Participant>) -> Self {
        Self(list)
    }

    /// The participant whose paths begin with this segment.
    #[must_use]
    pub fn by_segment(&self, segment: &str) -> Option<&Participant> {
        self.0.iter().find(|p| p.segment == segment)
    }

    /// The participant of this identifier.
    #[must_use]
    pub fn by_id(&self, id: &ParticipantId) -> Option<&Participant> {
        self.0.iter().find(|p| p.id == *id)
    }

    /// Every participant.
    pub fn iter(&self) -> impl Iterator<Item = &Participant> {
        self.0.iter()
    }
}
