//! The world of a decision that was made, from its evidence.

use std::collections::BTreeMap;

use super::world::{Fact, History, Phase, World};
use crate::model::exchange::Exchange;
use crate::model::time::Timestamp;

impl World {
    /// The world of a decision as its evidence has it, and nothing that became known since: what this world knows otherwise are the
    /// time of the agreement, duties, taxonomies, and who is a member of which collection.
    #[must_use]
    pub fn as_recorded(mut self, exchange: &Exchange<'_>) -> Self {
        self.facts.retain(|operand, _| operand == "edc:contractAgreement");
        self.groups_told = true;
        self.of_exchange(exchange)
    }

    /// Puts in what evidence has of an exchange: the parties, the dataset, the time and every fact that the decision rested on. What
    /// this world knows otherwise is kept, and may be of another time than the exchange.
    #[must_use]
    pub fn of_exchange(mut self, exchange: &Exchange<'_>) -> Self {
        (self.now, self.phase) = (exchange.times.received, Phase::Exchange);
        if self.action.is_empty() {
            "use".clone_into(&mut self.action);
        }
        self.target = Some(exchange.dataset.clone().into_owned());
        self.assigner = Some(exchange.participant.clone().into_owned());
        self.assignee = Some(exchange.counterparty.clone().into_owned());
        self.know("xroad:datapath", called(&exchange.request.method, &exchange.request.path));
        let mut before = BTreeMap::new();
        for (operand, value) in exchange.decision.facts.iter().flat_map(|facts| facts.values()) {
            if let (true, Some(times)) = (is_clause(&operand), Fact::from_json(&value)) {
                before.insert(operand, times.values().iter().filter_map(|at| Timestamp::parse(at).ok()).collect());
            } else if let Some(fact) = Fact::from_json(&value) {
                self.know(&operand, fact);
            }
        }
        self.history = Some(History::Steps(before));
        self
    }
}

/// Whether what evidence keeps among the facts is no left operand, but how far the sequence at this clause had come.
pub(super) fn is_clause(name: &str) -> bool {
    name.starts_with('/')
}

/// A call as `xroad:datapath` has it: the method and the path below the asset, without its query.
pub(super) fn called(method: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{method} {slash}{path}")
}
