//! What a policy asks to be done, and when.

use super::{Actions, Atom, Compiled, CompiledRule, Compiler, Node, NodeId, Terms, Told};
use crate::model::odrl::{Constraint, DutyTiming, Logic, Rule};
use crate::model::time::Timestamp;
use crate::policy::fields;
use crate::policy::value::{Right, Typed, end_of};
use crate::policy::vocabulary::{DutyReading, Operator};

/// Something that the policy asks to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DutyUse {
    /// Where it stands.
    pub clause: String,
    /// Its `uid`, if any; a performance may be reported under it or under the clause.
    pub uid: Option<String>,
    /// What is to be done, such as `delete`.
    pub actions: Vec<String>,
    /// When, seen from a use; `None` for obligations and duties that are due at any time.
    pub timing: Option<DutyTiming>,
    /// The last moment to do it, where the policy names one.
    pub deadline: Option<Timestamp>,
    /// The first moment at which doing it counts, where the policy names one; of what is to be kept up, until when.
    pub not_before: Option<Timestamp>,
    /// Whether it is to be kept up until then, such as to retain, rather than to be done.
    pub keeps: bool,
    /// The duties that follow when it is not done.
    pub consequences: Vec<DutyUse>,
    by_itself: bool,
}

impl DutyUse {
    /// Whether every exchange fulfils it by itself: each leaves an evidence record (`log`) and a line in the operator's log
    /// (`inform`), and replaces the fields named to `pseudonymise`.
    #[must_use]
    pub const fn is_met_by_exchanges(&self) -> bool {
        self.by_itself
    }
}

/// When a duty is due: as its vocabulary says, or else as the profile in force reads duties; `None` at any time.
pub(super) fn timing(compiler: &Compiler<'_>, rule: &Rule) -> Option<DutyTiming> {
    rule.timing.or_else(|| match compiler.duties.0 {
        DutyReading::PreCondition => Some(DutyTiming::Before),
        DutyReading::ByAction => Some(by_action(compiler, rule)),
        DutyReading::Eventual => None,
    })
}

/// By what is to be done; before the use where that leaves a doubt.
fn by_action(compiler: &Compiler<'_>, rule: &Rule) -> DutyTiming {
    let refined = rule.actions.iter().flat_map(|action| &action.refinements);
    if rule.constraints.iter().chain(refined).any(may_precede) {
        return DutyTiming::Before;
    }
    let mut timings = rule.actions.iter().map(|action| compiler.registry.actions().timing(&action.name));
    let first = timings.next().unwrap_or(DutyTiming::Before);
    if timings.all(|other| other == first) { first } else { DutyTiming::Before }
}

/// Whether a constraint may put the duty before an event, such as the use (`event lt odrl:policyUsage`).
fn may_precede(constraint: &Constraint) -> bool {
    match constraint {
        Constraint::Atomic(atomic) => {
            atomic.left == "event" && !matches!(Operator::parse(&atomic.operator), Some(Operator::Gt | Operator::Gteq))
        }
        Constraint::Logical { parts, .. } => parts.iter().any(may_precede),
        Constraint::Elsewhere(_) => true,
    }
}

/// Whether every exchange does a duty by itself.
pub(super) fn is_done_by_exchanges(compiler: &Compiler<'_>, duty: &CompiledRule) -> bool {
    let actions = compiler.registry.actions();
    let is_kept = |action: &str| action == "inform" || actions.included(action, "log");
    duty.timing == Some(DutyTiming::With)
        && !duty.does.is_empty()
        && (duty.does.iter().all(|action| is_kept(action)) || fields::names_pseudonymised(compiler, duty))
}

/// Finds the duties that are kept up until a moment, rather than done: to retain or archive until then, as an obligation or after a
/// use. One with a last moment as well is to be done within that window.
pub(super) fn find_kept(terms: &mut Terms, actions: &Actions) {
    // Which moment it is does not matter, only whether there is one.
    let some = Some(Timestamp::default());
    let is_kept = |terms: &Terms, duty: &CompiledRule, after: bool| {
        after
            && !duty.does.is_empty()
            && duty.does.iter().all(|action| actions.is_kept_up(action))
            && terms.not_before(duty, some).is_some()
            && terms.deadline(duty, some).is_none()
    };
    let of_obligations: Vec<bool> = terms.obligations.iter().map(|duty| is_kept(terms, duty, true)).collect();
    let duties = terms.permissions.iter().flat_map(|rule| &rule.duties);
    let of_duties: Vec<bool> =
        duties.map(|duty| is_kept(terms, duty, duty.timing == Some(DutyTiming::After))).collect();
    let duties = terms.permissions.iter_mut().flat_map(|rule| &mut rule.duties);
    duties.zip(of_duties).for_each(|(duty, keeps)| duty.keeps = keeps);
    terms.obligations.iter_mut().zip(of_obligations).for_each(|(duty, keeps)| duty.keeps = keeps);
}

impl Compiled {
    /// Duties of its permissions. Deadlines relative to the agreement are told when it is known when that was made.
    #[must_use]
    pub fn duties(&self, agreed: Option<Timestamp>) -> Vec<DutyUse> {
        let duties = self.permissions.iter().flat_map(|rule| &rule.duties);
        duties.map(|duty| described(self, duty, duty.timing, agreed)).collect()
    }

    /// What is to be done whether or not the permissions are used; deadlines as for [`Compiled::duties`].
    #[must_use]
    pub fn obligations(&self, agreed: Option<Timestamp>) -> Vec<DutyUse> {
        self.obligations.iter().map(|duty| described(self, duty, None, agreed)).collect()
    }

    /// What makes an infringement of a rule good, its times counted from then.
    pub(in crate::policy) fn amends(&self, rule: &CompiledRule, infringed: Option<Timestamp>) -> Vec<DutyUse> {
        rule.amends().iter().map(|duty| described(self, duty, None, infringed)).collect()
    }
}

/// Which end of the time that constraints leave.
#[derive(Clone, Copy, PartialEq)]
enum End {
    First,
    Last,
}

impl Terms {
    /// The last moment to do a duty: the earliest upper bound of the time among constraints that must all hold, the latest among
    /// alternatives.
    pub(in crate::policy) fn deadline(&self, duty: &CompiledRule, agreed: Option<Timestamp>) -> Option<Timestamp> {
        self.ends(duty, agreed, End::Last).min()
    }

    /// The first moment to do a duty: the latest lower bound of the time among constraints that must all hold, the earliest among
    /// alternatives.
    pub(in crate::policy) fn not_before(&self, duty: &CompiledRule, agreed: Option<Timestamp>) -> Option<Timestamp> {
        self.ends(duty, agreed, End::First).max()
    }

    fn ends<'a>(
        &'a self,
        duty: &'a CompiledRule,
        agreed: Option<Timestamp>,
        end: End,
    ) -> impl Iterator<Item = Timestamp> + 'a {
        let refined = duty.actions.iter().flat_map(|action| action.refinements.iter());
        duty.constraints.iter().chain(refined).filter_map(move |node| self.bound(*node, agreed, end))
    }

    fn bound(&self, node: NodeId, agreed: Option<Timestamp>, end: End) -> Option<Timestamp> {
        let (tightest, loosest): (Choose, Choose) = match end {
            End::First => (Iterator::max, Iterator::min),
            End::Last => (Iterator::min, Iterator::max),
        };
        match self.nodes.get(node.0)? {
            Node::Atom(at) => {
                let atom = self.atoms.get(*at)?;
                let bounds = match (atom.operator, end) {
                    (Operator::Lt | Operator::Lteq, end) => end == End::Last,
                    (Operator::Gt | Operator::Gteq, end) => end == End::First,
                    // "After 30 days" leaves 30 days; a moment is a moment.
                    (Operator::Eq, End::First) => self.slots.get(atom.slot)?.from == Told::Now,
                    (operator, End::Last) => operator == Operator::Eq,
                    _ => false,
                };
                let right = atom.right.first().filter(|_| bounds)?;
                match (right.typed, atom.operator, end) {
                    (Typed::Day(day), Operator::Eq, End::First) => self.moment(atom, right, agreed).map(|_| day),
                    _ => self.moment(atom, right, agreed),
                }
            }
            Node::Logical { logic: Logic::And | Logic::AndSequence, parts, .. } => {
                let bounds: Vec<Timestamp> = parts.iter().filter_map(|part| self.bound(*part, agreed, end)).collect();
                tightest(bounds.into_iter())
            }
            Node::Elsewhere { .. } => None,
            Node::Logical { parts, .. } => {
                let bounds: Option<Vec<Timestamp>> = parts.iter().map(|part| self.bound(*part, agreed, end)).collect();
                loosest(bounds?.into_iter())
            }
        }
    }

    /// The moment that a comparison with the clock compares with.
    pub(in crate::policy) fn moment(&self, atom: &Atom, right: &Right, agreed: Option<Timestamp>) -> Option<Timestamp> {
        match (self.slots.get(atom.slot)?.from, right.typed) {
            (Told::Now, Typed::Instant(time)) => Some(time),
            (Told::Now, Typed::Day(day)) if matches!(atom.operator, Operator::Lt | Operator::Gteq) => Some(day),
            (Told::Now, Typed::Day(day)) => Some(end_of(day)),
            (Told::Agreement | Told::Elapsed, Typed::Duration(length)) => length.after(agreed?),
            _ => None,
        }
    }

    /// Every moment that the clock is compared with anywhere, in no order.
    pub(in crate::policy) fn moments(&self, agreed: Option<Timestamp>) -> impl Iterator<Item = Timestamp> {
        let compared = self.atoms.iter().flat_map(|atom| atom.right.iter().map(move |right| (atom, right)));
        compared.flat_map(move |(atom, right)| {
            let begun = match right.typed {
                Typed::Day(day) => Some(day),
                _ => None,
            };
            let moment = self.moment(atom, right, agreed);
            moment.into_iter().chain(begun.filter(|_| moment.is_some()))
        })
    }
}

/// Picks one of several bounds.
type Choose = fn(std::vec::IntoIter<Timestamp>) -> Option<Timestamp>;

fn described(policy: &Compiled, duty: &CompiledRule, timing: Option<DutyTiming>, agreed: Option<Timestamp>) -> DutyUse {
    // What follows from a delay is counted from the end of the time for the duty.
    let late = policy.deadline(duty, agreed).or(agreed);
    DutyUse {
        clause: duty.clause.to_string(),
        uid: duty.uid.as_deref().map(str::to_owned),
        actions: duty.does.iter().map(ToString::to_string).collect(),
        timing,
        deadline: policy.deadline(duty, agreed).filter(|at| at.has_date()),
        not_before: policy.not_before(duty, agreed).filter(|at| at.has_date()),
        keeps: duty.keeps,
        by_itself: duty.by_itself,
        consequences: duty.consequences.iter().map(|next| described(policy, next, None, late)).collect(),
    }
}
