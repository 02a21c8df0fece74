//! What all connections share.

use std::sync::{Arc, RwLock};

use serde::{Deserialize, Serialize};

use super::DoubleError;
use super::backend::Backends;
use super::config::{DoubleConfig, FaultSpelling};
use super::directory::Directory;
use super::listener::Certificate;
use super::records::Records;

/// What the double can be made to suffer from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Trouble {
    /// The provider's server is in maintenance, with this message.
    pub maintenance: Option<String>,
    /// The provider's server cannot be reached.
    pub provider_down: bool,
    /// The global configuration has expired.
    pub global_configuration_expired: bool,
    /// How fault codes are spelled, if not as configured.
    pub spelling: Option<FaultSpelling>,
}

pub(super) struct State {
    pub(super) config: DoubleConfig,
    pub(super) directory: Directory,
    pub(super) records: Records,
    pub(super) backends: Backends,
    pub(super) certificate: Certificate,
    trouble: RwLock<Arc<Trouble>>,
}

impl State {
    pub(super) fn new(config: DoubleConfig) -> Result<Self, DoubleError> {
        Ok(Self {
            directory: Directory::new(&config),
            records: Records::default(),
            backends: Backends::default(),
            certificate: Certificate::new()?,
            trouble: RwLock::default(),
            config,
        })
    }

    pub(super) fn trouble(&self) -> Arc<Trouble> {
        self.trouble.read().map(|t| Arc::clone(&t)).unwrap_or_default()
    }

    pub(super) fn set_trouble(&self, trouble: Trouble) {
        if let Ok(mut current) = self.trouble.write() {
            *current = Arc::new(trouble);
        }
    }

    pub(super) fn spelling(&self) -> FaultSpelling {
        self.trouble().spelling.unwrap_or(self.config.spelling)
    }
}
