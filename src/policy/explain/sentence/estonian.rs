//! Estonian.

use super::{Message, Remedy};
use crate::policy::truth::Truth;

pub(super) fn say(message: Message<'_>) -> String {
    match message {
        Message::Compared { operand, operator, required, observed, state } => match (state, observed) {
            (Truth::Unknown, None) => {
                format!("{operand} ei ole teada, seega ei saa näidata, et see on {operator} {required}")
            }
            (Truth::Unknown, Some(seen)) => {
                format!("{operand} on {seen}, mida ei saa operaatoriga {operator} võrrelda väärtusega {required}")
            }
            (Truth::True, Some(seen)) => format!("{operand} on {seen}, mis on {operator} {required}"),
            (Truth::False, Some(seen)) => format!("{operand} on {seen}, mis ei ole {operator} {required}"),
            (_, None) => format!("{operand} ei vasta tingimusele {operator} {required}"),
        },
        Message::Several { operand, operator, required, seen } => {
            format!("{operand} on {seen}; mitme väärtuse korral ei saa öelda, kas see on {operator} {required}")
        }
        Message::NoTaxonomy { operand, operator, required, seen } => {
            format!("{operand} on {seen}; ükski taksonoomia ei ütle, kas see on {operator} {required}")
        }
        Message::NotAll { operand, operator, required, seen } => {
            format!(
                "{operand} on {seen} ja võib-olla veel midagi, seega ei saa öelda, kas see on {operator} {required}"
            )
        }
        Message::Membership { member, collection } => {
            format!("ei ole teada, kas {member} kuulub kogumisse {collection}")
        }
        Message::NoValue { operand, operator, required, state } => match state {
            Truth::True => format!("{operand} väärtus puudub, mis on {operator} {required}"),
            Truth::False => format!("{operand} väärtus puudub, mis ei ole {operator} {required}"),
            Truth::Unknown => {
                format!("{operand} väärtus puudub, seega ei saa näidata, et see on {operator} {required}")
            }
        },
        Message::Unreadable { operand, required } => {
            format!(
                "{required} ei ole väärtus, mis operandil {operand} olla saab, seega ei saa sellega midagi võrrelda"
            )
        }
        Message::Elsewhere { id } => format!("{id} ei ole poliitikas kirjeldatud, seega ei ole selle sisu teada"),
        Message::Ambiguous { path } => {
            format!(
                "tee {path} sisaldab punktisegmente, kurakaldkriipse või kodeeringut, mida saab mõista kahel viisil"
            )
        }
        Message::NoCall { path } => {
            format!("{path} ei ole meetod koos teega, seega ei ole teada, mida sellega kutsutakse")
        }
        Message::Referenced { reference } => format!("võrdlusväärtus asub aadressil {reference} ja ei ole teada"),
        Message::Sequence => "ei ole teada, mis järjekorras tingimused täitusid".to_owned(),
        Message::StepMissing { step, of, operand, operator, required } => {
            format!("samm {step}/{of} on veel tegemata: {operand} {operator} {required}")
        }
        Message::StepTaken { step, of, at } => format!("samm {step}/{of} tehti {at}"),
        Message::TakeStep { step, of } => {
            format!("tehke kõigepealt eraldi päringuga jada samm {step}/{of} ja seejärel päring uuesti")
        }
        Message::AwaitStep { step, of } => {
            format!("oodake, kuni jada sammu {step}/{of} aeg on käes, ja tehke päring uuesti")
        }
        Message::Prohibited { comparison } => format!("kehtib keeld: {comparison}"),
        Message::MayBeProhibited { comparison } => format!("keeld võib kehtida: {comparison}"),
        Message::PermittedAction { action } => format!("tegevus {action} on lubatud"),
        Message::ProhibitedAction { action } => format!("tegevus {action} on keelatud"),
        Message::Unfulfilled { action } => format!("kohustus {action} ei ole täidetud"),
        Message::Late { action } => format!("kohustus {action} jäi tähtajaks täitmata"),
        Message::Violated { action } => format!("kohustust {action} ei täidetud õigel ajal"),
        Message::Early { action, from } => {
            format!("kohustus {action} täideti enne {from} ja see ei lähe arvesse")
        }
        Message::Due { action, until: None } => format!("kohustus {action} tuleb täita"),
        Message::Due { action, until: Some(until) } => {
            format!("kohustus {action} tuleb täita hiljemalt {until}")
        }
        Message::NotYet { action, from, until: None } => {
            format!("kohustus {action} tuleb täita, kuid mitte enne {from}")
        }
        Message::NotYet { action, from, until: Some(until) } => {
            format!("kohustus {action} tuleb täita ajavahemikul {from} kuni {until}")
        }
        Message::Keep { action, until } => format!("kohustus {action} kestab kuni {until}"),
        Message::NotKept { action } => format!("teatati, et kohustust {action} rikuti enne selle tähtaja lõppu"),
        Message::Fulfilled { action } => format!("kohustus {action} on täidetud"),
        Message::Lifted { action } => format!("kohustust {action} ei ole enam vaja täita"),
        Message::Infringed { action, at } => {
            format!("keeldu {action} rikuti {at} ja rikkumist ei ole heastatud")
        }
        Message::MayBeViolated { action } => {
            format!("kohustus {action} võis jääda õigel ajal täitmata: ei ole teada, kas see kehtis")
        }
        Message::Calling { action, comparison } => {
            format!("ei ole teada, kas kohustus {action} kehtis: {comparison}")
        }
        Message::Offer => "pakkumus ei luba edastust ega andmevahetust; selleks on vaja lepingut".to_owned(),
        Message::Parent { id } => format!("poliitika tugineb poliitikale {id}, mille reeglid ei ole teada"),
        Message::NoPermission => "poliitikas ei ole ühtegi luba ja mis ei ole lubatud, sellest keeldutakse".to_owned(),
        Message::Withheld { clause, operand, state } => match (clause.starts_with("/prohibition"), state) {
            (true, Truth::False) => format!("lepingu keeld {clause} ({operand}) ei kehti"),
            (true, _) => format!("lepingu keeld {clause} ({operand}) kehtib või võib kehtida"),
            (false, Truth::True) => format!("lepingu tingimus {clause} ({operand}) on täidetud"),
            (false, _) => format!("lepingu tingimus {clause} ({operand}) ei ole täidetud"),
        },
        Message::Remedy(what) => remedy(what).to_owned(),
        Message::Fulfil { action } => format!("täitke kohustus {action}, teatage sellest ja tehke päring uuesti"),
        Message::Heal { then: "", .. } => "seda ei saa enam heastada; sõlmige uus leping".to_owned(),
        Message::Heal { action, then } => {
            format!("täitke kohustus {action} ja viivitusest tulenev {then}, teatage mõlemast ja tehke päring uuesti")
        }
        Message::Amend { then: "" } => "rikkumist ei saa heastada; sõlmige uus leping".to_owned(),
        Message::Amend { then } => {
            format!("heastage rikkumine: täitke kohustus {then}, teatage sellest ja tehke päring uuesti")
        }
        Message::Negotiate => "sõlmige kõigepealt selle pakkumuse alusel leping".to_owned(),
        Message::Permitted => "lubatud".to_owned(),
        Message::Refused => "keeldutud".to_owned(),
        Message::Because => "sest".to_owned(),
    }
}

const fn remedy(what: Remedy) -> &'static str {
    match what {
        Remedy::NewAgreement => "kokkulepitud päringute arv on täis; sõlmige uus leping",
        Remedy::TimeUsedUp => "kokkulepitud kasutusaeg on täis; sõlmige uus leping",
        Remedy::Slower => "tehke päringuid harvemini",
        Remedy::OtherTime => "tehke päring kokkulepitud ajal või sõlmige uus leping",
        Remedy::OtherPath => "kasutage ainult lepinguga hõlmatud meetodeid ja teid",
        Remedy::Consent => "esitage andmesubjekti kehtiv nõusolek, mis käib selle päringu kohta",
        Remedy::Purpose => "märkige eesmärk, mida leping hõlmab",
        Remedy::OtherAgreement => "kasutage lepingut, mis seda hõlmab",
        Remedy::Meet => "täitke tingimus või sõlmige leping, milles seda ei ole",
    }
}
