//! The negotiation sequences: 15 with the connector under test as provider, 16 as consumer.

use super::sequence::Family::{NegotiationConsumer, NegotiationProvider};
use super::sequence::Message::{Accepted, Agreement, Finalized, Offer, Request, Termination, Verification};
use super::sequence::Step::{Receive, Refused, Send, State};
use super::sequence::{Rule, Sequence, Step, nth, on};

const fn provides(
    number: &'static str,
    title: &'static str,
    rules: &'static [Rule],
    steps: &'static [Step],
) -> Sequence {
    Sequence { family: NegotiationProvider, number, title, rules, steps }
}

const fn consumes(
    number: &'static str,
    title: &'static str,
    rules: &'static [Rule],
    steps: &'static [Step],
) -> Sequence {
    Sequence { family: NegotiationConsumer, number, title, rules, steps }
}

const OFFER: Rule = on("REQUESTED", "offer");
const AGREE: Rule = on("REQUESTED", "agree");
const FINALIZE: Rule = on("VERIFIED", "finalize");

/// `CN`.
pub(super) const PROVIDER: [Sequence; 15] = [
    provides(
        "01-01",
        "offer; the consumer terminates",
        &[OFFER],
        &[Receive(Offer), State("OFFERED"), Send(Termination), State("TERMINATED")],
    ),
    provides(
        "01-02",
        "offer; counter-request; the provider terminates",
        &[nth("REQUESTED", 1, "offer"), nth("REQUESTED", 2, "terminate")],
        &[Receive(Offer), Send(Request), Receive(Termination), State("TERMINATED")],
    ),
    provides(
        "01-03",
        "offer, acceptance, agreement, verification, finalized",
        &[OFFER, on("ACCEPTED", "agree"), FINALIZE],
        &[
            Receive(Offer),
            Send(Accepted),
            Receive(Agreement),
            State("AGREED"),
            Send(Verification),
            Receive(Finalized),
            State("FINALIZED"),
        ],
    ),
    provides(
        "01-04",
        "agreement, verification, finalized",
        &[AGREE, FINALIZE],
        &[Receive(Agreement), Send(Verification), Receive(Finalized), State("FINALIZED")],
    ),
    provides(
        "02-01",
        "the provider terminates at once",
        &[on("REQUESTED", "terminate")],
        &[Receive(Termination), State("TERMINATED")],
    ),
    provides(
        "02-02",
        "the consumer terminates what is on hold",
        &[on("REQUESTED", "hold")],
        &[State("REQUESTED"), Send(Termination), State("TERMINATED")],
    ),
    provides(
        "02-03",
        "agreement; the consumer terminates",
        &[AGREE],
        &[Receive(Agreement), Send(Termination), State("TERMINATED")],
    ),
    provides(
        "02-04",
        "offer; the consumer terminates at once",
        &[OFFER],
        &[Receive(Offer), Send(Termination), State("TERMINATED")],
    ),
    provides(
        "02-05",
        "offer; the provider terminates",
        &[OFFER, on("OFFERED", "terminate")],
        &[Receive(Offer), Receive(Termination), State("TERMINATED")],
    ),
    provides(
        "02-06",
        "offer, acceptance; the provider terminates",
        &[OFFER, on("ACCEPTED", "terminate")],
        &[Receive(Offer), Send(Accepted), Receive(Termination), State("TERMINATED")],
    ),
    provides(
        "02-07",
        "agreement, verification; the provider terminates",
        &[AGREE, on("VERIFIED", "terminate")],
        &[Receive(Agreement), Send(Verification), Receive(Termination), State("TERMINATED")],
    ),
    provides(
        "03-01",
        "finalized cannot be terminated",
        &[AGREE, FINALIZE],
        &[
            Receive(Agreement),
            Send(Verification),
            Receive(Finalized),
            State("FINALIZED"),
            Refused(Termination),
            State("FINALIZED"),
        ],
    ),
    provides(
        "03-02",
        "an offer cannot be verified",
        &[OFFER],
        &[Receive(Offer), Refused(Verification), State("OFFERED")],
    ),
    provides(
        "03-03",
        "an acceptance cannot be verified",
        &[OFFER, on("ACCEPTED", "hold")],
        &[Receive(Offer), Send(Accepted), Refused(Verification), State("ACCEPTED")],
    ),
    provides(
        "03-04",
        "two counter-requests in a row",
        &[nth("REQUESTED", 1, "offer"), on("REQUESTED", "hold")],
        &[Receive(Offer), Send(Request), State("REQUESTED"), Refused(Request), State("REQUESTED")],
    ),
];

const ACCEPT: Rule = on("OFFERED", "accept");
const VERIFY: Rule = on("AGREED", "verify");
const NO_ANSWER: Rule = on("OFFERED", "hold");

/// `CN_C`.
pub(super) const CONSUMER: [Sequence; 16] = [
    consumes(
        "01-01",
        "acceptance, verification, finalized",
        &[ACCEPT, VERIFY],
        &[
            Send(Offer),
            Receive(Accepted),
            Send(Agreement),
            Receive(Verification),
            State("VERIFIED"),
            Send(Finalized),
            State("FINALIZED"),
        ],
    ),
    consumes(
        "01-02",
        "counter-request; the provider terminates",
        &[on("OFFERED", "counter")],
        &[Send(Offer), Receive(Request), State("REQUESTED"), Send(Termination), State("TERMINATED")],
    ),
    consumes(
        "01-03",
        "the consumer terminates an offer",
        &[on("OFFERED", "terminate")],
        &[Send(Offer), Receive(Termination), State("TERMINATED")],
    ),
    consumes(
        "01-04",
        "agreement, verification, finalized",
        &[VERIFY],
        &[Send(Agreement), Receive(Verification), Send(Finalized), State("FINALIZED")],
    ),
    consumes("02-01", "the provider terminates at once", &[], &[Send(Termination), State("TERMINATED")]),
    consumes(
        "02-02",
        "the consumer terminates its request",
        &[on("REQUESTED", "terminate")],
        &[Receive(Termination), State("TERMINATED")],
    ),
    consumes(
        "02-03",
        "the consumer terminates an agreement",
        &[on("AGREED", "terminate")],
        &[Send(Agreement), Receive(Termination), State("TERMINATED")],
    ),
    consumes(
        "02-04",
        "offer on hold; the provider terminates",
        &[NO_ANSWER],
        &[Send(Offer), State("OFFERED"), Send(Termination), State("TERMINATED")],
    ),
    consumes(
        "02-05",
        "acceptance; the provider terminates",
        &[ACCEPT],
        &[Send(Offer), Receive(Accepted), Send(Termination), State("TERMINATED")],
    ),
    consumes(
        "02-06",
        "verification; the provider terminates",
        &[VERIFY],
        &[Send(Agreement), Receive(Verification), Send(Termination), State("TERMINATED")],
    ),
    consumes("03-01", "a request cannot be finalized", &[], &[Refused(Finalized), State("REQUESTED")]),
    consumes(
        "03-02",
        "no agreement before acceptance",
        &[NO_ANSWER],
        &[Send(Offer), State("OFFERED"), Refused(Agreement), State("OFFERED")],
    ),
    consumes(
        "03-03",
        "an offer cannot be finalized",
        &[NO_ANSWER],
        &[Send(Offer), State("OFFERED"), Refused(Finalized), State("OFFERED")],
    ),
    consumes(
        "03-04",
        "an acceptance cannot be finalized",
        &[ACCEPT],
        &[Send(Offer), Receive(Accepted), Refused(Finalized), State("ACCEPTED")],
    ),
    consumes(
        "03-05",
        "no second offer after acceptance",
        &[ACCEPT],
        &[Send(Offer), Receive(Accepted), Refused(Offer), State("ACCEPTED")],
    ),
    consumes(
        "03-06",
        "no end before verification",
        &[ACCEPT, on("AGREED", "hold")],
        &[Send(Offer), Receive(Accepted), Send(Agreement), State("AGREED"), Refused(Finalized), State("AGREED")],
    ),
];
