//! The transfer sequences: 15 with the connector under test as provider, 15 as consumer. The suite's `02-04`, a consumer that
//! resumes what it suspended, is switched off in the official kit on both sides and not counted here either.

use super::sequence::Family::{TransferConsumer, TransferProvider};
use super::sequence::Message::{Completion, Start, Suspension, Termination};
use super::sequence::Step::{Receive, Refused, Send, State};
use super::sequence::{Rule, Sequence, Step, nth, on};

const fn provides(
    number: &'static str,
    title: &'static str,
    rules: &'static [Rule],
    steps: &'static [Step],
) -> Sequence {
    Sequence { family: TransferProvider, number, title, rules, steps }
}

const fn consumes(
    number: &'static str,
    title: &'static str,
    rules: &'static [Rule],
    steps: &'static [Step],
) -> Sequence {
    Sequence { family: TransferConsumer, number, title, rules, steps }
}

const START: Rule = on("REQUESTED", "start");
const HOLD: Rule = on("REQUESTED", "hold");

/// `TP`.
pub(super) const PROVIDER: [Sequence; 15] = [
    provides(
        "01-01",
        "start; the provider terminates",
        &[START, on("STARTED", "terminate")],
        &[Receive(Start), Receive(Termination), State("TERMINATED")],
    ),
    provides(
        "01-02",
        "start; the provider completes",
        &[START, on("STARTED", "complete")],
        &[Receive(Start), Receive(Completion), State("COMPLETED")],
    ),
    provides(
        "01-03",
        "start, suspension; the provider terminates",
        &[START, on("STARTED", "suspend"), on("SUSPENDED", "terminate")],
        &[Receive(Start), Receive(Suspension), Receive(Termination), State("TERMINATED")],
    ),
    provides(
        "01-04",
        "start, suspension, start; the provider completes",
        &[START, nth("STARTED", 1, "suspend"), on("SUSPENDED", "start"), nth("STARTED", 2, "complete")],
        &[Receive(Start), Receive(Suspension), Receive(Start), Receive(Completion), State("COMPLETED")],
    ),
    provides(
        "01-05",
        "the provider terminates at once",
        &[on("REQUESTED", "terminate")],
        &[Receive(Termination), State("TERMINATED")],
    ),
    provides(
        "02-01",
        "start; the consumer terminates",
        &[START],
        &[Receive(Start), State("STARTED"), Send(Termination), State("TERMINATED")],
    ),
    provides(
        "02-02",
        "start; the consumer completes",
        &[START],
        &[Receive(Start), State("STARTED"), Send(Completion), State("COMPLETED")],
    ),
    provides(
        "02-03",
        "start; the consumer suspends, then terminates",
        &[START],
        &[Receive(Start), Send(Suspension), State("SUSPENDED"), Send(Termination), State("TERMINATED")],
    ),
    provides(
        "02-05",
        "the consumer terminates what is on hold",
        &[HOLD],
        &[State("REQUESTED"), Send(Termination), State("TERMINATED")],
    ),
    provides("03-01", "a request cannot be completed", &[HOLD], &[Refused(Completion), State("REQUESTED")]),
    provides("03-02", "a request cannot be suspended", &[HOLD], &[Refused(Suspension), State("REQUESTED")]),
    provides(
        "03-03",
        "what is suspended cannot be completed",
        &[START],
        &[Receive(Start), Send(Suspension), State("SUSPENDED"), Refused(Completion), State("SUSPENDED")],
    ),
    provides(
        "03-04",
        "what is terminated cannot be started",
        &[START],
        &[Receive(Start), Send(Termination), State("TERMINATED"), Refused(Start), State("TERMINATED")],
    ),
    provides(
        "03-05",
        "what is terminated cannot be suspended",
        &[START],
        &[Receive(Start), Send(Termination), State("TERMINATED"), Refused(Suspension), State("TERMINATED")],
    ),
    provides(
        "03-06",
        "what is terminated cannot be completed",
        &[START],
        &[Receive(Start), Send(Termination), State("TERMINATED"), Refused(Completion), State("TERMINATED")],
    ),
];

/// `TP_C`.
pub(super) const CONSUMER: [Sequence; 15] = [
    consumes(
        "01-01",
        "start; the provider terminates",
        &[],
        &[Send(Start), State("STARTED"), Send(Termination), State("TERMINATED")],
    ),
    consumes(
        "01-02",
        "start; the provider completes",
        &[],
        &[Send(Start), State("STARTED"), Send(Completion), State("COMPLETED")],
    ),
    consumes(
        "01-03",
        "start; the provider suspends, then terminates",
        &[],
        &[Send(Start), Send(Suspension), State("SUSPENDED"), Send(Termination), State("TERMINATED")],
    ),
    consumes(
        "01-04",
        "start, suspension, start; the provider completes",
        &[],
        &[
            Send(Start),
            Send(Suspension),
            State("SUSPENDED"),
            Send(Start),
            State("STARTED"),
            Send(Completion),
            State("COMPLETED"),
        ],
    ),
    consumes("01-05", "the provider terminates at once", &[], &[Send(Termination), State("TERMINATED")]),
    consumes(
        "02-01",
        "the consumer terminates what is started",
        &[on("STARTED", "terminate")],
        &[Send(Start), Receive(Termination), State("TERMINATED")],
    ),
    consumes(
        "02-02",
        "the consumer completes",
        &[on("STARTED", "complete")],
        &[Send(Start), Receive(Completion), State("COMPLETED")],
    ),
    consumes(
        "02-03",
        "the consumer suspends, then terminates",
        &[on("STARTED", "suspend"), on("SUSPENDED", "terminate")],
        &[Send(Start), Receive(Suspension), Receive(Termination), State("TERMINATED")],
    ),
    consumes(
        "02-05",
        "the consumer terminates its request",
        &[on("REQUESTED", "terminate")],
        &[Receive(Termination), State("TERMINATED")],
    ),
    consumes("03-01", "a request cannot be completed", &[], &[Refused(Completion), State("REQUESTED")]),
    consumes("03-02", "a request cannot be suspended", &[], &[Refused(Suspension), State("REQUESTED")]),
    consumes(
        "03-03",
        "what is suspended cannot be completed",
        &[],
        &[Send(Start), Send(Suspension), State("SUSPENDED"), Refused(Completion), State("SUSPENDED")],
    ),
    consumes(
        "03-04",
        "what is terminated cannot be started",
        &[],
        &[Send(Start), Send(Termination), State("TERMINATED"), Refused(Start), State("TERMINATED")],
    ),
    consumes(
        "03-05",
        "what is terminated cannot be suspended",
        &[],
        &[Send(Start), Send(Termination), State("TERMINATED"), Refused(Suspension), State("TERMINATED")],
    ),
    consumes(
        "03-06",
        "what is terminated cannot be completed",
        &[],
        &[Send(Start), Send(Termination), State("TERMINATED"), Refused(Completion), State("TERMINATED")],
    ),
];
