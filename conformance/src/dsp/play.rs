//! One conversation: the peer plays its sequence step by step, each step under a time limit.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::ground::Ground;
use super::message::{Topic, message, opened};
use super::peer::Arrived;
use super::sequence::{Message, Sequence, Step};
use super::{check, ground};
use crate::http::{self, Answer, segment};
use crate::subject::{Management, text};

/// How long the connector under test may take for one step.
const STEP: Duration = Duration::from_secs(10);
/// How long a consumer may take to learn the provider's pid from our answer.
const LEARNING: Duration = Duration::from_secs(2);
/// Stands for a pid that is not known yet, where the protocol wants one.
const NO_PID: &str = "urn:uuid:00000000-0000-0000-0000-000000000000";

/// What all conversations of a run share.
pub(super) struct Stage {
    /// Who is who, and what they say to be recognised.
    pub(super) ground: Ground,
    /// The versioned base of the connector under test.
    pub(super) dsp: String,
    /// Its operator's way in.
    pub(super) management: Management,
    /// The peer's client.
    pub(super) http: reqwest::Client,
}

/// One sequence being played.
struct Conversation<'a> {
    stage: &'a Stage,
    sequence: &'a Sequence,
    topic: Topic,
    /// Where messages to the connector under test go.
    base: String,
    mailbox: &'a mut mpsc::Receiver<Arrived>,
}

/// Plays a sequence; `callback` is the base of its mailbox.
pub(super) async fn play(
    stage: &Stage,
    sequence: &Sequence,
    callback: String,
    mailbox: &mut mpsc::Receiver<Arrived>,
) -> Result<(), String> {
    let family = sequence.family;
    let topic = Topic {
        subject_provides: family.provides(),
        dataset: sequence.asset(),
        agreement: sequence.asset(),
        offer: if family.provides() { sequence.offer() } else { format!("offer{}", sequence.asset()) },
        subject: ground::SUBJECT.to_owned(),
        peer: stage.ground.peer.clone(),
        callback,
        ..Topic::default()
    };
    let mut conversation = Conversation { stage, sequence, topic, base: stage.dsp.clone(), mailbox };
    conversation.open().await.map_err(|e| format!("opening: {e}"))?;
    for (n, step) in sequence.steps.iter().enumerate() {
        conversation.step(*step).await.map_err(|e| format!("step {} {step:?}: {e}", n + 1))?;
    }
    Ok(())
}

impl Conversation<'_> {
    fn negotiates(&self) -> bool {
        self.sequence.family.negotiates()
    }

    async fn open(&mut self) -> Result<(), String> {
        let first = if self.negotiates() { Message::Request } else { Message::TransferRequest };
        if self.sequence.family.provides() {
            self.topic.consumer = new_pid();
            let answer = self.post(first, None).await?;
            if answer.status != 201 {
                return Err(format!("expected 201: {answer}"));
            }
            let body = answer.json()?;
            self.topic.provider = text(&body, "providerPid")?;
            return check::process(&body, self.negotiates(), &self.topic, "REQUESTED");
        }
        let order = order(self.stage, &self.topic, self.negotiates());
        let (order, arrived) = tokio::join!(order, timeout(STEP, self.mailbox.recv()));
        self.topic.consumer = order?;
        let arrived = arrived.map_err(|_| "no request came".to_owned())?.ok_or("the peer is closed")?;
        self.base = text(&arrived.body, "callbackAddress")?.trim_end_matches('/').to_owned();
        self.look_at(&arrived, first, None)?;
        if arrived.body.pointer("/offer/@id").is_some_and(|id| *id != self.topic.offer) {
            return Err(format!("not the offer that was ordered: {}", arrived.body));
        }
        self.topic.provider = new_pid();
        arrived.answer(StatusCode::CREATED, Some(opened(self.negotiates(), &self.topic)));
        Ok(())
    }

    async fn step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Send(message) => {
                let answer = self.post(message, Some(self.topic.subject_pid())).await?;
                if (200..300).contains(&answer.status) { Ok(()) } else { Err(format!("expected 200: {answer}")) }
            }
            Step::Refused(message) => {
                let answer = self.post(message, Some(self.topic.subject_pid())).await?;
                if !(400..500).contains(&answer.status) || answer.status == 404 {
                    return Err(format!("expected 4xx, not 404: {answer}"));
                }
                check::process_error(&answer.json()?, self.negotiates(), &self.topic)
            }
            Step::Receive(message) => {
                let arrived = timeout(STEP, self.mailbox.recv()).await.map_err(|_| "nothing came".to_owned())?;
                let arrived = arrived.ok_or("the peer is closed")?;
                self.look_at(&arrived, message, Some(self.topic.peer_pid()))?;
                arrived.answer(StatusCode::OK, None);
                Ok(())
            }
            Step::State(state) => self.state(state).await,
        }
    }

    /// Asks for the process until it names both pids: a consumer may be asked before it has read our answer, which tells it ours.
    async fn state(&self, state: &str) -> Result<(), String> {
        let noun = if self.negotiates() { "negotiations" } else { "transfers" };
        let url = format!("{}/{noun}/{}", self.base, segment(self.topic.subject_pid()));
        let deadline = Instant::now() + LEARNING;
        loop {
            let request = self.stage.http.get(&url).header("authorization", &self.stage.ground.says);
            let answer = http::send(&self.stage.http, request).await?;
            if answer.status != 200 || !answer.content_type.starts_with("application/json") {
                return Err(format!("expected 200 and JSON: {answer}"));
            }
            let body = answer.json()?;
            let unaware = body.get("providerPid").is_some_and(|pid| pid == NO_PID) && Instant::now() < deadline;
            if !unaware {
                return check::process(&body, self.negotiates(), &self.topic, state);
            }
            // What another process has read cannot be awaited.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn post(&self, kind: Message, pid: Option<&str>) -> Result<Answer, String> {
        let url = format!("{}{}", self.base, kind.path(self.negotiates(), pid.map(segment).as_deref()));
        let body = message(kind, self.negotiates(), &self.topic).to_string();
        let request = self
            .stage
            .http
            .post(url)
            .header("authorization", &self.stage.ground.says)
            .header("content-type", "application/json; charset=utf-8")
            .body(body);
        http::send(&self.stage.http, request).await
    }

    fn look_at(&self, arrived: &Arrived, expected: Message, pid: Option<&str>) -> Result<(), String> {
        let path = expected.path(self.negotiates(), pid);
        if arrived.path.trim_end_matches('/') != path {
            return Err(format!("expected a message to {path}, one came to {}: {}", arrived.path, arrived.body));
        }
        if arrived.authorization != self.stage.ground.hears {
            return Err(format!("the message to {path} does not carry the Authorization configured"));
        }
        if !arrived.content_type.starts_with("application/json") {
            return Err(format!("the message to {path} is {:?}, not JSON", arrived.content_type));
        }
        check::message(&arrived.body, expected, self.negotiates(), &self.topic)
    }
}

/// The operator's order to start; the pid.
async fn order(stage: &Stage, topic: &Topic, negotiates: bool) -> Result<String, String> {
    if negotiates {
        let offer = json!({
            "@id": topic.offer, "@type": "Offer", "target": topic.dataset, "permission": [{"action": "use"}],
        });
        stage.management.negotiate(&topic.peer, &topic.callback, &offer).await
    } else {
        stage.management.transfer(&topic.peer, &topic.callback, &topic.agreement, "HttpData-PULL").await
    }
}

fn new_pid() -> String {
    format!("urn:uuid:{}", uuid::Uuid::new_v4())
}
