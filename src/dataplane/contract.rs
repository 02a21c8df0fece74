//! Step 2: the agreement and its policy, read and compiled once for each transfer and kept with it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use arc_swap::{ArcSwap, Guard};
use http::{HeaderValue, StatusCode};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Inner;
use super::account::{Account, Compared};
use super::assets::AssetError;
use super::consent::ConsentClause;
use super::filter::{Filter, Veil};
use super::history::{Metered, Steps};
use super::live::Live;
use super::operands::Asked;
use super::refusal::Refusal;
use crate::model::agreement::Agreement;
use crate::model::exchange::Digest;
use crate::model::ids::{AgreementId, DatasetId};
use crate::policy::{Background, Compiled, FIELDS, Phase, Place, Policy, Registry, World, compile};
use crate::xroad::route::{Route, header_text};

/// `X-Road-Issue` is kept by security servers in a column of limited width.
const LONGEST_ISSUE: usize = 255;

/// What an agreement lets pass, ready for deciding and calling.
pub(super) struct Contract {
    pub(super) policy: Compiled,
    pub(super) policy_hash: Digest,
    pub(super) route: Arc<Route>,
    pub(super) dataset: DatasetId,
    /// The agreement as `X-Road-Issue`.
    pub(super) issue: HeaderValue,
    /// The steps of sequences that calls take, when the policy has any.
    pub(super) steps: Option<Steps>,
    /// The time that calls take together, when the policy compares `meteredTime`.
    pub(super) metered: Option<Arc<Metered>>,
    /// Whether the operator is informed of every call.
    pub(super) informs: bool,
    /// What calls under the agreement take of its limits, whatever their transfer.
    pub(super) account: Account,
    /// Where the policy looks for what a call tells.
    pub(super) places: Places,
    /// What else it looks for in a call.
    pub(super) asked: Asked,
    /// What its asking for consent comes to, if it asks.
    pub(super) consent: Option<ConsentClause>,
    /// Of each permission: which fields of an answer it releases, where not all.
    pub(super) filters: Box<[Option<Filter>]>,
    /// The paths of all of them, as the policy has them.
    pub(super) released: Box<[String]>,
    /// The agreement, to ask again what is known about it.
    agreement: Agreement,
    background: ArcSwap<Background>,
    /// The news that the background knows of.
    heard: AtomicU64,
    /// The agreement is not in force any more.
    over: AtomicBool,
    /// Held by who asks what is new.
    asking: tokio::sync::Mutex<()>,
}

/// The places of what a call tells; `None` for what the policy never looks at.
pub(super) struct Places {
    pub(super) datapath: Option<Place>,
    pub(super) purpose: Option<Place>,
    pub(super) count: Option<Place>,
    pub(super) in_minute: Option<Place>,
    pub(super) since_last: Option<Place>,
    pub(super) metered: Option<Place>,
    pub(super) fields: Option<Place>,
}

/// The contract of a transfer.
///
/// # Errors
/// When the agreement is not in force, its policy cannot be evaluated here, its service is gone, or any cannot be looked up now.
pub(super) async fn of(plane: &Inner, live: &Live) -> Result<Arc<Contract>, Refusal> {
    let contract = live.contract.get_or_try_init(|| load(plane, live)).await?;
    contract.hear(plane, live).await?;
    Ok(Arc::clone(contract))
}

/// As [`of`], with the agreement at hand.
pub(super) async fn with(plane: &Inner, live: &Live, agreement: &Agreement) -> Result<Arc<Contract>, Refusal> {
    // How old the agreement is nobody knows: the first call hears what is new.
    live.contract.get_or_try_init(|| prepare(plane, agreement, 0)).await.cloned()
}

impl Contract {
    /// What is known about every call.
    pub(super) fn background(&self) -> Guard<Arc<Background>> {
        self.background.load()
    }

    /// Takes over what was reported since; a call that comes after the news never decides without it. An agreement that is not in force
    /// any more stays that way.
    pub(super) async fn hear(&self, plane: &Inner, live: &Live) -> Result<(), Refusal> {
        if self.over.load(Ordering::Acquire) {
            return Err(not_in_force(&live.agreement));
        }
        if self.heard.load(Ordering::Acquire) >= live.news.load(Ordering::Acquire) {
            return Ok(());
        }
        let _asking = self.asking.lock().await;
        let news = live.news.load(Ordering::Acquire);
        if self.heard.load(Ordering::Acquire) < news {
            if agreement(plane, live).await?.is_none() {
                self.over.store(true, Ordering::Release);
                return Err(not_in_force(&live.agreement));
            }
            let world = world(plane, &self.policy, &self.agreement).await?;
            self.background.store(Arc::new(self.policy.background(&world)));
            self.heard.store(news, Ordering::Release);
        }
        Ok(())
    }
}

async fn load(plane: &Inner, live: &Live) -> Result<Arc<Contract>, Refusal> {
    let news = live.news.load(Ordering::Acquire);
    let agreement = agreement(plane, live).await?.ok_or_else(|| not_in_force(&live.agreement))?;
    prepare(plane, &agreement, news).await
}

/// The agreement of a transfer, if it is in force now.
async fn agreement(plane: &Inner, live: &Live) -> Result<Option<Agreement>, Refusal> {
    let agreement = plane.assets.agreement(&live.participant, &live.agreement).await.map_err(unavailable)?;
    Ok(agreement.filter(|agreement| agreement.live))
}

fn not_in_force(agreement: &AgreementId) -> Refusal {
    Refusal::forbidden("agreement.not-in-force", format!("agreement {agreement} is not in force"))
}

async fn prepare(plane: &Inner, agreement: &Agreement, news: u64) -> Result<Arc<Contract>, Refusal> {
    let mut policy = compiled(&agreement.policy, &plane.registry)?;
    plane.commons.lock().unwrap_or_else(PoisonError::into_inner).share(&mut policy);
    let route = plane.assets.route(agreement).map_err(unavailable)?;
    let consent = ConsentClause::of(&policy, plane.consents.as_ref(), &route, &agreement.dataset)?;
    let compares = |operand: &str| policy.counters().iter().any(|c| c.operand == operand);
    let lately = compares("timeInterval") || compares("xroad:callsPerMinute");
    let account = Account::of(plane, agreement, Compared { count: compares("count"), lately }).await?;
    let metered = match compares("meteredTime") {
        true => Some(plane.metered_times.of(&plane.counters, agreement).await.map_err(|e| not_counted(&e))?),
        false => None,
    };
    let steps = Steps::of(&plane.counters, &policy, agreement).await.map_err(|e| not_counted(&e))?;
    let background = Arc::new(policy.background(&world(plane, &policy, agreement).await?));
    let place = |operand: &str| policy.place(operand);
    let places = Places {
        datapath: place("xroad:datapath"),
        purpose: place("purpose"),
        count: place("count"),
        in_minute: place("xroad:callsPerMinute"),
        since_last: place("timeInterval"),
        metered: place("meteredTime"),
        fields: place(FIELDS),
    };
    let released = policy.fields().concat().concat().into_iter().map(str::to_owned).collect();
    let filters = filters(plane, &policy, &agreement.id);
    Ok(Arc::new(Contract {
        places,
        filters,
        released,
        asked: Asked::by(&policy, consent.as_ref().and_then(ConsentClause::pointer)),
        consent,
        informs: policy.duties(None).iter().any(|duty| duty.is_met_by_exchanges() && duty.does("inform")),
        policy,
        policy_hash: Digest::parse(&crate::policy::hash(&agreement.policy)).unwrap_or_default(),
        route: Arc::new(route),
        dataset: agreement.dataset.clone(),
        issue: issue(agreement.id.as_str()),
        account,
        steps,
        metered,
        agreement: agreement.clone(),
        background: ArcSwap::new(background),
        heard: AtomicU64::new(news),
        over: AtomicBool::new(false),
        asking: tokio::sync::Mutex::default(),
    }))
}

/// What each permission releases of an answer, where not all as it comes.
fn filters(plane: &Inner, policy: &Compiled, agreement: &AgreementId) -> Box<[Option<Filter>]> {
    let (released, hidden) = (policy.fields(), policy.pseudonymised());
    let each = released.iter().zip(hidden).map(|(lists, duties)| {
        let paths: Vec<&str> = duties.into_iter().flat_map(|duty| duty.paths).collect();
        Filter::hiding(Filter::of(lists), &paths, Veil::new(&plane.pseudonym_key, agreement.as_str()))
    });
    each.collect()
}

/// What is known about every call under an agreement, as things stand now.
async fn world(plane: &Inner, policy: &Compiled, agreement: &Agreement) -> Result<World, Refusal> {
    let reported = plane.assets.reported(agreement).await.map_err(unavailable)?;
    let mut world = plane.assets.world(agreement);
    world.hear(reported);
    world.release_under(policy);
    world.phase = Phase::Exchange;
    if world.action.is_empty() {
        world.action = "use".to_owned();
    }
    world.target.get_or_insert_with(|| agreement.dataset.to_string());
    world.assigner.get_or_insert_with(|| agreement.participant.to_string());
    world.assignee.get_or_insert_with(|| agreement.counterparty.to_string());
    Ok(world)
}

/// Unknown is not permission: a policy that cannot be evaluated lets nothing pass.
fn compiled(policy: &Value, registry: &Registry) -> Result<Compiled, Refusal> {
    let parsed = Policy::parse(policy).and_then(|policy| compile(&policy, registry));
    parsed.map_err(|invalid| {
        let sentence = invalid.first().map_or("no reason", |i| i.reason.as_str()).to_owned();
        let refusal =
            Refusal::forbidden("policy.not-evaluable", format!("the policy cannot be evaluated here: {sentence}"));
        refusal.with("invalid", serde_json::to_value(invalid).unwrap_or_default())
    })
}

fn issue(agreement: &str) -> HeaderValue {
    let text = header_text(agreement);
    if text.len() <= LONGEST_ISSUE {
        return text;
    }
    header_text(&format!("sha256:{}", Digest(Sha256::digest(agreement).into())))
}

fn unavailable(error: AssetError) -> Refusal {
    match error {
        AssetError::Gone(sentence) => Refusal::new(StatusCode::NOT_FOUND, "asset.gone", sentence),
        AssetError::Unavailable(sentence) => {
            Refusal::unavailable("asset.unavailable", "the agreement cannot be looked up now; try again")
                .caused_by(sentence)
        }
    }
}

/// A counter that cannot be kept lets nothing pass.
pub(super) fn not_counted(error: &super::counters::CounterError) -> Refusal {
    Refusal::unavailable("counter.unavailable", "the use could not be counted, so the call was not made; try again")
        .caused_by(error)
}
