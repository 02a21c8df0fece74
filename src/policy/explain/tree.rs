//! The whole explanation: every rule, every constraint, as a tree.

use std::fmt;

use serde::Serialize;

use super::{Audience, Because, Language, Message, compared, elsewhere, obliged, steps};
use crate::model::harmless::on_one_line;
use crate::policy::compile::{Compiled, CompiledRule, Node, NodeId};
use crate::policy::judge::{Eval, Trace};
use crate::policy::truth::{Mask, Truth};
use crate::policy::world::World;

/// A decision with all that led to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether the request is permitted.
    pub permit: bool,
    /// The clauses that decided.
    pub because: Vec<Because>,
    /// Every rule of the policy with what became of it.
    pub rules: Vec<Part>,
    /// The language of its sentences.
    #[serde(skip)]
    pub language: Language,
}

/// A rule, an aspect of one, a constraint or a duty, with its own parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Where it stands.
    pub clause: String,
    /// Its `uid`, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// `permission`, `prohibition`, `obligation`, `duty`, `consequence`, `remedy`, `action`, `target`, `assigner`, `assignee`, `and`, `or`,
    /// `xone`, `andSequence` or `constraint`.
    pub kind: &'static str,
    /// Of a rule: whether it is about the request and active. Of a duty: whether it is fulfilled, or not called for.
    pub state: Truth,
    /// Of a duty: whether it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duty: Option<DutyState>,
    /// Of a duty: where it stands, in one sentence; of a prohibition, when it was infringed and that was not made good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stands: Option<String>,
    /// Of a comparison: what was required and what was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<Because>,
    /// What it consists of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// What became of a duty (ODRL Formal Semantics draft: its deontic state).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DutyState {
    /// Not done, and it may still be.
    NotSet,
    /// Done.
    Fulfilled,
    /// It can no longer be done, or not in time.
    Violated,
}

impl Compiled {
    /// Decides, and tells of every rule and constraint, also of those that did not decide.
    #[must_use]
    pub fn explain(&self, world: &World) -> Explanation {
        self.explain_in(Language::default(), world)
    }

    /// The same in another language.
    #[must_use]
    pub fn explain_in(&self, language: Language, world: &World) -> Explanation {
        let sheet = self.sheet(world);
        let verdict = self.judge(&sheet, &mut Trace::default());
        let mut eval = Eval::quiet(self, &sheet);
        let mut rules = Vec::new();
        for (kind, list) in
            [("permission", &self.permissions), ("prohibition", &self.prohibitions), ("obligation", &self.obligations)]
        {
            rules.extend(list.iter().map(|rule| told(&mut eval, language, rule, kind)));
        }
        let because = self.because_in(language, &sheet, verdict).because;
        Explanation { permit: verdict.permit, because, rules, language }
    }
}

impl Explanation {
    /// The same explanation with what these readers may see.
    #[must_use]
    pub fn for_audience(mut self, audience: Audience) -> Self {
        self.because = self.because.iter().map(|because| because.for_audience(audience, self.language)).collect();
        let language = self.language;
        self.rules.iter_mut().for_each(|rule| rule.redact(audience, language));
        self
    }
}

impl Part {
    fn redact(&mut self, audience: Audience, language: Language) {
        self.compared = self.compared.take().map(|compared| compared.for_audience(audience, language));
        // What is to be done stands in the agreement, which both parties have.
        self.stands = self.stands.take().filter(|_| audience != Audience::Public);
        self.parts.iter_mut().for_each(|part| part.redact(audience, language));
    }
}

fn duty_state(eval: &mut Eval<'_>, rule: &CompiledRule, kind: &str) -> Option<DutyState> {
    if matches!(kind, "permission" | "prohibition") {
        return None;
    }
    Some(match (eval.fulfilled(rule), eval.is_violated(rule)) {
        (true, _) => DutyState::Fulfilled,
        (false, true) => DutyState::Violated,
        (false, false) => DutyState::NotSet,
    })
}

fn told(eval: &mut Eval<'_>, language: Language, rule: &CompiledRule, kind: &'static str) -> Part {
    let state = match kind {
        "permission" => eval.permission(rule),
        "prohibition" => eval.rule(rule),
        "obligation" if eval.violates(rule) => {
            if rule.elsewhere || eval.concerns(rule) != Mask::TRUE || !eval.unknown_calling(rule).is_empty() {
                Mask::UNKNOWN
            } else {
                Mask::FALSE
            }
        }
        "duty" => eval.duty(rule),
        _ => Mask::known(eval.fulfilled(rule).then_some(true)),
    };
    let mut parts = Vec::new();
    for (name, alternatives) in rule.aspects() {
        if alternatives.is_empty() {
            continue;
        }
        let state = eval.aspect(alternatives).truth();
        let clause = alternatives.first().map(|one| one.clause.to_string()).unwrap_or_default();
        let refined = alternatives.iter().flat_map(|one| one.refinements.iter());
        let inner = refined.map(|node| constraint(eval, language, *node)).collect();
        parts.push(Part {
            clause,
            uid: None,
            kind: name,
            state,
            duty: None,
            stands: None,
            compared: None,
            parts: inner,
        });
    }
    parts.extend(rule.constraints.iter().map(|node| constraint(eval, language, *node)));
    parts.extend(rule.duties.iter().map(|duty| told(eval, language, duty, "duty")));
    let mut after = eval.after_delay(rule);
    parts.extend(rule.consequences.iter().map(|duty| told(&mut after, language, duty, "consequence")));
    parts.extend(rule.remedies.iter().map(|duty| told(eval, language, duty, "remedy")));
    let uid = rule.uid.as_deref().map(str::to_owned);
    let duty = duty_state(eval, rule, kind);
    let stands = match kind {
        "permission" => None,
        "prohibition" => infringed(eval, language, rule),
        // What follows from something else stands nowhere before it is called for.
        "consequence" | "remedy" => None,
        _ => Some(obliged::standing(language, eval, rule)),
    };
    Part { clause: rule.clause.to_string(), uid, kind, state: state.truth(), duty, stands, compared: None, parts }
}

/// That a prohibition was infringed, and that was not made good.
fn infringed(eval: &mut Eval<'_>, language: Language, rule: &CompiledRule) -> Option<String> {
    let at = eval.open_infringements(rule).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    (!at.is_empty()).then(|| language.say(Message::Infringed { action: &rule.doing(), at: &at }))
}

fn constraint(eval: &mut Eval<'_>, language: Language, id: NodeId) -> Part {
    let mask = eval.node(id);
    let policy = eval.policy;
    let (clause, uid, kind, compared, parts) = match policy.nodes.get(id.0) {
        Some(Node::Atom(at)) => {
            let atom = policy.atoms.get(*at);
            let compared = atom.map(|atom| compared(language, eval, *at, atom, mask));
            let clause = atom.map(|atom| atom.clause.to_string()).unwrap_or_default();
            (clause, atom.and_then(|atom| atom.uid.as_deref()), "constraint", compared, Vec::new())
        }
        Some(Node::Logical { clause, uid, logic, parts }) => {
            let parts = match eval.stand(id) {
                Some(stand) => steps::parts(eval, language, &stand, constraint),
                None => parts.iter().map(|part| constraint(eval, language, *part)).collect(),
            };
            (clause.to_string(), uid.as_deref(), logic.as_str(), None, parts)
        }
        Some(Node::Elsewhere { clause, id }) => {
            let told = elsewhere(language, clause, "constraint", id);
            (clause.to_string(), Some(&**id), "constraint", Some(told), Vec::new())
        }
        None => (String::new(), None, "constraint", None, Vec::new()),
    };
    Part { clause, uid: uid.map(str::to_owned), kind, state: mask.truth(), duty: None, stands: None, compared, parts }
}

impl fmt::Display for Explanation {
    /// A tree of lines: a mark, what it is, where it stands, and the sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let say = |message| self.language.say(message);
        writeln!(f, "{}", say(if self.permit { Message::Permitted } else { Message::Refused }))?;
        for because in &self.because {
            let (reason, clause) = (on_one_line(&because.reason), on_one_line(&because.clause));
            writeln!(f, "  {} {reason} ({clause})", say(Message::Because))?;
            if !self.permit {
                writeln!(f, "    {}", on_one_line(&because.remedy))?;
            }
        }
        for rule in &self.rules {
            line(f, rule, 0)?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, part: &Part, depth: usize) -> fmt::Result {
    let mark = match part.state {
        Truth::True => "+",
        Truth::False => "-",
        Truth::Unknown => "?",
    };
    write!(f, "{:depth$}{mark} {} {}", "", part.kind, on_one_line(&part.clause), depth = depth * 2)?;
    match &part.compared {
        Some(because) => {
            write!(f, ": {}", on_one_line(&because.reason))?;
            match (because.assurance, &because.source) {
                (Some(assurance), Some(source)) => writeln!(f, " [{}: {}]", assurance.as_str(), on_one_line(source))?,
                (Some(assurance), None) => writeln!(f, " [{}]", assurance.as_str())?,
                _ => writeln!(f)?,
            }
        }
        None => match &part.stands {
            Some(sentence) => writeln!(f, ": {sentence}")?,
            None => writeln!(f)?,
        },
    }
    part.parts.iter().try_for_each(|inner| line(f, inner, depth + 1))
}
