//! Accounts that several replicas share in one PostgreSQL database.
//!
//! A replica decides on the account as it last read it, with what its own calls are about to take on top, and takes it in one statement
//! on the condition that the account has not changed since: all calls that wait take together, in one transaction. When another
//! replica came first, they decide again on what is read then, and meanwhile no other replica changes it. Nothing is refused unless
//! the account was read after the call came. Times are those of the database's clock, so that replicas whose clocks differ agree.
//! Why it is so: `docs/decisions/0014-limits-of-replicas.md`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::CounterError;

mod database;
mod ledger;
mod settlement;

pub(in crate::dataplane) use ledger::{Amounts, Sight};

use database::{Database, Failure};
use ledger::{Asked, Ledger, Moved, Standing};
use settlement::Settlement;

/// For how long one replica holds an account at most while its calls are decided.
const LONGEST_TURN: Duration = Duration::from_millis(20);

/// The accounts of all agreements. Cheap to clone.
#[derive(Clone)]
pub(in crate::dataplane) struct Accounts(Arc<Inner>);

struct Inner {
    database: Database,
    known: Mutex<HashMap<String, Weak<Account>>>,
}

/// The account of one agreement, or one number beside it.
pub(in crate::dataplane) struct Account {
    key: String,
    of: Arc<Inner>,
    desk: Mutex<Desk>,
}

/// What is known of the account, and what is to be asked of the database; one task at a time asks.
#[derive(Default)]
struct Desk {
    ledger: Ledger,
    takes: Vec<Take>,
    looks: Vec<Told<()>>,
    settlement: Settlement,
    /// There is a task that asks.
    attended: bool,
}

struct Take {
    amounts: Amounts,
    done: Told<Answer>,
}

enum Answer {
    Kept(Unkept),
    Again(Option<Again>),
}

/// What came of taking.
pub(in crate::dataplane) enum Taking {
    Kept(Reservation),
    /// Others came first: the decision has to be made again, while this is held.
    Again(Option<Again>),
}

/// While it is held, no other replica changes the account, for a short time: whoever decides again has a turn.
#[must_use]
pub(in crate::dataplane) struct Again(#[expect(dead_code, reason = "dropped, it is heard of")] mpsc::Sender<()>);

/// Who waits is told so.
type Told<T> = oneshot::Sender<Result<T, CounterError>>;

impl Accounts {
    /// Opens the accounts in a database, making their tables when they are not there.
    pub(super) async fn open(options: PgConnectOptions) -> Result<Self, CounterError> {
        let database = Database::open(options).await?;
        Ok(Self(Arc::new(Inner { database, known: Mutex::default() })))
    }

    /// The account of that name, shared by all who ask.
    pub(in crate::dataplane) fn of(&self, key: &str) -> Arc<Account> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = known.get(key).and_then(Weak::upgrade) {
            return account;
        }
        if known.len() == known.capacity() {
            known.retain(|_, account| account.strong_count() > 0);
        }
        let account = Arc::new(Account { key: key.to_owned(), of: Arc::clone(&self.0), desk: Mutex::default() });
        known.insert(key.to_owned(), Arc::downgrade(&account));
        account
    }
}

impl Account {
    /// The account as it is known here, read when it was not read lately; with `since`, when it was not read since then.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(in crate::dataplane) async fn look(self: &Arc<Self>, since: Option<Instant>) -> Result<Sight, CounterError> {
        loop {
            let looked = {
                let mut desk = self.desk();
                if let Some(sight) = desk.ledger.sight(Instant::now())
                    && since.is_none_or(|since| sight.asked >= since)
                {
                    return Ok(sight);
                }
                let (look, looked) = oneshot::channel();
                desk.looks.push(look);
                self.attend(&mut desk);
                looked
            };
            looked.await.unwrap_or(Err(CounterError::Closed))?;
        }
    }

    /// Uses taken, as last seen from here; 0 when the account was never read.
    pub(super) fn used(&self) -> u64 {
        self.desk().ledger.used()
    }

    /// Takes so much, durably, if the account is as seen; in the turn that it was given, if it was.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub(in crate::dataplane) async fn take(
        self: &Arc<Self>,
        seen: Sight,
        amounts: Amounts,
        turn: Option<Again>,
    ) -> Result<Taking, CounterError> {
        let taken = {
            let mut desk = self.desk();
            if !desk.ledger.take(seen, amounts) {
                return Ok(Taking::Again(turn));
            }
            let (done, taken) = oneshot::channel();
            desk.takes.push(Take { amounts, done });
            self.attend(&mut desk);
            taken
        };
        drop(turn);
        match taken.await.unwrap_or(Err(CounterError::Closed))? {
            Answer::Kept(unkept) => Ok(unkept.kept().map_or(Taking::Again(None), Taking::Kept)),
            Answer::Again(again) => Ok(Taking::Again(again)),
        }
    }

    /// Adds an amount and raises to a value, durably, whatever the account is now.
    ///
    /// # Errors
    /// When the database does not answer; then it may have happened or not.
    pub(super) async fn grow(self: &Arc<Self>, amount: u64, value: u64) -> Result<(), CounterError> {
        let grown = {
            let mut desk = self.desk();
            let (done, grown) = oneshot::channel();
            desk.settlement.grow(amount, value, done);
            self.attend(&mut desk);
            grown
        };
        grown.await.unwrap_or(Err(CounterError::Closed))
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that what waits is asked.
    fn attend(self: &Arc<Self>, desk: &mut Desk) {
        // Without a runtime the program is stopping: what is not given back counts.
        if !desk.attended
            && let Ok(runtime) = Handle::try_current()
        {
            desk.attended = true;
            runtime.spawn(Arc::clone(self).ask());
        }
    }

    /// Asks for as long as something waits: for all who wait together.
    async fn ask(self: Arc<Self>) {
        while let Some((takes, looks)) = self.next() {
            let begun = Instant::now();
            let mut outcome = self.take_together(takes).await;
            if outcome.is_ok() {
                outcome = self.settle_together().await;
            }
            if outcome.is_ok() && !looks.is_empty() && !self.is_known_since(begun) {
                outcome = self.read().await;
            }
            if let Err(error) = &outcome {
                self.give_up(error);
            }
            for look in looks {
                let _ = look.send(outcome.clone());
            }
        }
    }

    /// What waits to be asked; with nothing, nobody attends any more.
    fn next(&self) -> Option<(Vec<Take>, Vec<Told<()>>)> {
        let mut desk = self.desk();
        let idle = desk.takes.is_empty() && desk.looks.is_empty() && !desk.settlement.is_due();
        desk.attended = !idle;
        (!idle).then(|| (std::mem::take(&mut desk.takes), std::mem::take(&mut desk.looks)))
    }

    async fn take_together(self: &Arc<Self>, takes: Vec<Take>) -> Result<(), CounterError> {
        // Forgotten meanwhile, nothing holds that was taken on top.
        let Some(ground) = self.desk().ledger.ground().filter(|_| !takes.is_empty()) else {
            decide_again(takes);
            return Ok(());
        };
        let amounts = sum(&takes);
        match self.of.database.take(&self.key, ground, amounts).await {
            Ok(Some((moved, asked))) => {
                self.kept(takes, amounts, moved, asked);
                Ok(())
            }
            Ok(None) => self.take_in_turn(takes).await,
            Err(failure) => self.not_kept(takes, failure),
        }
    }

    /// Another replica came first: the account is held while those who wait decide again, as a replica that is farther from the
    /// database might come second for ever.
    async fn take_in_turn(self: &Arc<Self>, takes: Vec<Take>) -> Result<(), CounterError> {
        let (turn, standing, asked) = match self.of.database.turn(&self.key).await {
            Ok(turn) => turn,
            Err(failure) => return self.not_kept(takes, failure),
        };
        let displaced = self.stands(standing, asked);
        let (again, mut all_decided) = mpsc::channel(1);
        for take in takes.into_iter().chain(displaced) {
            let _ = take.done.send(Ok(Answer::Again(Some(Again(again.clone())))));
        }
        drop(again);
        let _ = timeout(LONGEST_TURN, all_decided.recv()).await;
        let (takes, ground) = {
            let mut desk = self.desk();
            (std::mem::take(&mut desk.takes), desk.ledger.ground())
        };
        let amounts = sum(&takes);
        let Some(ground) = ground.filter(|_| !takes.is_empty()) else {
            decide_again(takes);
            return turn.end().await.map_err(Failure::into_error);
        };
        match turn.take(&self.key, ground, amounts).await {
            Ok(Some((moved, asked))) => {
                self.kept(takes, amounts, moved, asked);
                Ok(())
            }
            Ok(None) => {
                decide_again(takes.into_iter().chain(self.forget()));
                Ok(())
            }
            Err(failure) => self.not_kept(takes, failure),
        }
    }

    fn kept(self: &Arc<Self>, takes: Vec<Take>, amounts: Amounts, moved: Moved, asked: Asked) {
        self.desk().ledger.kept(amounts, moved, asked);
        for Take { amounts, done } in takes {
            let reservation = Reservation { account: Arc::clone(self), amounts, version: moved.version };
            // Who went away gives it back by that.
            let _ = done.send(Ok(Answer::Kept(Unkept(Some(reservation)))));
        }
    }

    fn not_kept(&self, takes: Vec<Take>, failure: Failure) -> Result<(), CounterError> {
        match failure {
            // If it happened it counts: who decides again finds it counted.
            Failure::Broken(_) => {
                decide_again(takes.into_iter().chain(self.forget()));
                Ok(())
            }
            failure => {
                let error = failure.into_error();
                fail(takes, &error);
                Err(error)
            }
        }
    }

    /// Makes the changes that rest on nothing.
    async fn settle_together(&self) -> Result<(), CounterError> {
        let mut settlement = std::mem::take(&mut self.desk().settlement);
        if settlement.is_empty() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut settlement.waiting);
        let outcome = match self.of.database.settle(&self.key, &settlement).await {
            Ok((moved, asked)) => {
                let displaced = {
                    let mut desk = self.desk();
                    desk.ledger.settled(&settlement.calls, moved, asked);
                    std::mem::take(&mut desk.takes)
                };
                decide_again(displaced);
                Ok(())
            }
            Err(failure) => {
                // What may have been given back already is not given back twice.
                if matches!(failure, Failure::Unsent(_)) {
                    self.desk().settlement.owe(settlement);
                }
                Err(failure.into_error())
            }
        };
        for done in waiting {
            let _ = done.send(outcome.clone());
        }
        outcome
    }

    fn is_known_since(&self, begun: Instant) -> bool {
        self.desk().ledger.sight(Instant::now()).is_some_and(|sight| sight.asked >= begun)
    }

    /// Reads the account; who was about to take something of it as it was thought to be decides again.
    async fn read(&self) -> Result<(), CounterError> {
        let (standing, asked) = self.of.database.read(&self.key).await.map_err(Failure::into_error)?;
        decide_again(self.stands(standing, asked));
        Ok(())
    }

    /// The account is so; those who were about to take something of it as it was thought to be.
    fn stands(&self, standing: Standing, asked: Asked) -> Vec<Take> {
        let mut desk = self.desk();
        if desk.ledger.stands(standing, asked) { std::mem::take(&mut desk.takes) } else { Vec::new() }
    }

    /// Forgets how the account is; those who were about to take something of it.
    fn forget(&self) -> Vec<Take> {
        let mut desk = self.desk();
        desk.ledger.forget();
        std::mem::take(&mut desk.takes)
    }

    /// Nobody waits for a database that does not answer. What could not be given back is, with the next call.
    fn give_up(&self, error: &CounterError) {
        fail(self.forget(), error);
        let waiting = {
            let mut desk = self.desk();
            desk.settlement.put_off()
        };
        for done in waiting {
            let _ = done.send(Err(error.clone()));
        }
    }
}

fn sum(takes: &[Take]) -> Amounts {
    takes.iter().fold(Amounts::default(), |all, take| all.and(take.amounts))
}

fn decide_again(takes: impl IntoIterator<Item = Take>) {
    for take in takes {
        let _ = take.done.send(Ok(Answer::Again(None)));
    }
}

fn fail(takes: impl IntoIterator<Item = Take>, error: &CounterError) {
    for take in takes {
        let _ = take.done.send(Err(error.clone()));
    }
}

/// What one call took. Dropped, it counts as used.
#[must_use]
pub(in crate::dataplane) struct Reservation {
    account: Arc<Account>,
    amounts: Amounts,
    version: i64,
}

impl Reservation {
    /// Gives it back: the call was never forwarded.
    pub(in crate::dataplane) fn release(self) {
        let mut desk = self.account.desk();
        desk.settlement.give_back(self.amounts, self.version);
        self.account.attend(&mut desk);
    }
}

/// What was taken, on its way to who waits for it. Dropped, it is given back.
struct Unkept(Option<Reservation>);

impl Unkept {
    fn kept(mut self) -> Option<Reservation> {
        self.0.take()
    }
}

impl Drop for Unkept {
    fn drop(&mut self) {
        if let Some(reservation) = self.0.take() {
            reservation.release();
        }
    }
}

#[cfg(test)]
mod tests;
