//! What is said of the steps of a sequence: which were taken and when, and which is missing.

use super::{Because, Language, Message, Part, Reasons, compared, elsewhere};
use crate::policy::compile::{Node, NodeId, Taker};
use crate::policy::judge::{Eval, Stand};
use crate::policy::truth::{Mask, Truth};

impl Reasons<'_> {
    /// The comparisons of the last step whose truth is wanted, or those of the step that is missing.
    pub(super) fn steps(&mut self, stand: &Stand<'_>, wanted: fn(Mask) -> bool) {
        let Some(step) = stand.sequence.steps.get(stand.before.len()) else { return };
        let outer = self.eval.since_step(stand.last());
        if stand.is_at_last_step() {
            self.collect(step.node, wanted);
        } else {
            let (language, number, of) = (self.language, stand.before.len() + 1, stand.sequence.steps.len());
            let found = comparisons(&self.eval, language, step.node).into_iter();
            self.found.extend(found.map(|entry| missing(language, entry, (number, of), step.by)));
        }
        self.eval.since = outer;
    }
}

fn comparisons(eval: &Eval<'_>, language: Language, id: NodeId) -> Vec<Because> {
    match eval.policy.nodes.get(id.0) {
        Some(Node::Atom(at)) => {
            let atom = eval.policy.atoms.get(*at);
            atom.map(|atom| compared(language, eval, *at, atom, eval.atom(*at))).into_iter().collect()
        }
        Some(Node::Logical { parts, .. }) => parts.iter().flat_map(|part| comparisons(eval, language, *part)).collect(),
        Some(Node::Elsewhere { clause, id }) => vec![elsewhere(language, clause, "constraint", id)],
        None => Vec::new(),
    }
}

fn missing(language: Language, entry: Because, (step, of): (usize, usize), by: Taker) -> Because {
    let (operand, operator, required) = (entry.operand.as_str(), entry.operator.as_str(), entry.required.as_str());
    let reason = language.say(Message::StepMissing { step, of, operand, operator, required });
    let remedy = language.say(match by {
        Taker::Time => Message::AwaitStep { step, of },
        Taker::World | Taker::Act => Message::TakeStep { step, of },
    });
    Because { state: Truth::False, observed: None, reason, remedy, ..entry }
}

/// What became of each step, where it is known how far the sequence had come.
pub(super) fn parts(
    eval: &mut Eval<'_>,
    language: Language,
    stand: &Stand<'_>,
    part: impl Fn(&mut Eval<'_>, Language, NodeId) -> Part,
) -> Vec<Part> {
    let of = stand.sequence.steps.len();
    let mut parts = Vec::with_capacity(of);
    for (at, step) in stand.sequence.steps.iter().enumerate() {
        let outer = eval.since_step(at.checked_sub(1).and_then(|before| stand.before.get(before)).copied());
        let mut told = part(eval, language, step.node);
        eval.since = outer;
        match (stand.before.get(at), at + 1 == of) {
            (Some(time), _) => {
                told.state = Truth::True;
                let time = time.to_string();
                tell(&mut told, &|entry| {
                    let reason = language.say(Message::StepTaken { step: at + 1, of, at: &time });
                    Because { state: Truth::True, observed: None, reason, ..entry }
                });
            }
            // The last step is taken by the call itself, once all others were.
            (None, last) if !last || !stand.is_at_last_step() => {
                told.state = Truth::False;
                tell(&mut told, &|entry| missing(language, entry, (at + 1, of), step.by));
            }
            _ => {}
        }
        parts.push(told);
    }
    parts
}

/// Says something else of every comparison of a part.
fn tell(part: &mut Part, say: &dyn Fn(Because) -> Because) {
    part.compared = part.compared.take().map(say);
    part.parts.iter_mut().for_each(|inner| tell(inner, say));
}
