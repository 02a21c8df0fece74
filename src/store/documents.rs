//! Named JSON documents: what an operator adds through the management API beside the configuration file, and what was found at the
//! security server.

use serde_json::Value;

use super::notices::Notice;
use super::sql::query;
use super::{Store, StoreError, Tx};

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// An asset.
    Asset,
    /// An ODRL policy.
    Policy,
    /// An offer.
    Offer,
    /// What is vouched for of consumers.
    Counterparty,
    /// The services that a participant found.
    Services,
    /// A credential of a consumer.
    Credential,
}

impl DocumentKind {
    /// Whether it says what is offered, or what is known of consumers: what all replicas must know.
    const fn is_definition(self) -> bool {
        !matches!(self, Self::Services)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Policy => "policy",
            Self::Offer => "offer",
            Self::Counterparty => "counterparty",
            Self::Services => "services",
            Self::Credential => "credential",
        }
    }
}

impl Store {
    /// Writes a document over an earlier one of that name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_document(&self, kind: DocumentKind, id: &str, body: &Value) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query(
            "INSERT INTO document (kind, id, body) VALUES ($1, $2, $3) \
             ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
        )
        .bind(kind.as_str())
        .bind(id)
        .bind(body.to_string())
        .execute(&mut tx.transaction)
        .await?;
        tx.tell_of_document(kind);
        tx.commit().await
    }

    /// Writes a document over an earlier one of that name; nothing happens, and `false` is told, when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replace_document(&self, kind: DocumentKind, id: &str, body: &Value) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let done = query("UPDATE document SET body = $3 WHERE kind = $1 AND id = $2")
            .bind(kind.as_str())
            .bind(id)
            .bind(body.to_string())
            .execute(&mut tx.transaction)
            .await?;
        tx.tell_of_document(kind);
        tx.commit().await?;
        Ok(done == 1)
    }

    /// Removes a document; whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_document(&self, kind: DocumentKind, id: &str) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let done = query("DELETE FROM document WHERE kind = $1 AND id = $2")
            .bind(kind.as_str())
            .bind(id)
            .execute(&mut tx.transaction)
            .await?;
        tx.tell_of_document(kind);
        tx.commit().await?;
        Ok(done == 1)
    }

    /// One document; `None` when there is none of that name.
    ///
    /// # Errors
    /// When the database fails or the body cannot be read.
    pub async fn document(&self, kind: DocumentKind, id: &str) -> Result<Option<Value>, StoreError> {
        let row = query("SELECT body FROM document WHERE kind = $1 AND id = $2")
            .bind(kind.as_str())
            .bind(id)
            .fetch_optional(&self.read)
            .await?;
        let Some(row) = row else { return Ok(None) };
        serde_json::from_str(row.try_get(0)?).map(Some).map_err(|_| StoreError::Corrupt("document"))
    }

    /// All documents of a kind, by name.
    ///
    /// # Errors
    /// When the database fails or a body cannot be read.
    pub async fn documents(&self, kind: DocumentKind) -> Result<Vec<(String, Value)>, StoreError> {
        let rows = query("SELECT id, body FROM document WHERE kind = $1 ORDER BY id")
            .bind(kind.as_str())
            .fetch_all(&self.read)
            .await?;
        rows.iter()
            .map(|row| {
                let body = serde_json::from_str(row.try_get(1)?).map_err(|_| StoreError::Corrupt("document"))?;
                Ok((row.try_get(0)?, body))
            })
            .collect()
    }
}

impl Tx {
    fn tell_of_document(&mut self, kind: DocumentKind) {
        if kind.is_definition() {
            self.tell(Notice::Documents);
        }
    }
}
