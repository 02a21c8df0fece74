//! Finnish.

use super::{Message, Remedy};
use crate::policy::truth::Truth;

pub(super) fn say(message: Message<'_>) -> String {
    match message {
        Message::Compared { operand, operator, required, observed, state } => match (state, observed) {
            (Truth::Unknown, None) => {
                format!("{operand} ei ole tiedossa, joten ei voida osoittaa, että se on {operator} {required}")
            }
            (Truth::Unknown, Some(seen)) => {
                format!("{operand} on {seen}, jota ei voi verrata operaattorilla {operator} arvoon {required}")
            }
            (Truth::True, Some(seen)) => format!("{operand} on {seen}, joka on {operator} {required}"),
            (Truth::False, Some(seen)) => format!("{operand} on {seen}, joka ei ole {operator} {required}"),
            (_, None) => format!("{operand} ei vastaa ehtoa {operator} {required}"),
        },
        Message::Several { operand, operator, required, seen } => {
            format!("{operand} on {seen}; kun arvoja on useita, ei voi sanoa, onko se {operator} {required}")
        }
        Message::NoTaxonomy { operand, operator, required, seen } => {
            format!("{operand} on {seen}; mikään luokitus ei kerro, onko se {operator} {required}")
        }
        Message::NotAll { operand, operator, required, seen } => {
            format!("{operand} on {seen} ja ehkä muutakin, joten ei voi sanoa, onko se {operator} {required}")
        }
        Message::Membership { member, collection } => {
            format!("ei tiedetä, kuuluuko {member} kokoelmaan {collection}")
        }
        Message::NoValue { operand, operator, required, state } => match state {
            Truth::True => format!("operandilla {operand} ei ole arvoa, mikä on {operator} {required}"),
            Truth::False => format!("operandilla {operand} ei ole arvoa, mikä ei ole {operator} {required}"),
            Truth::Unknown => {
                format!("operandilla {operand} ei ole arvoa, joten ei voida osoittaa, että se on {operator} {required}")
            }
        },
        Message::Unreadable { operand, required } => {
            format!("{required} ei voi olla operandin {operand} arvo, joten siihen ei voi verrata mitään")
        }
        Message::Elsewhere { id } => {
            format!("kohdetta {id} ei ole kuvattu käytännössä, joten sen sisältö ei ole tiedossa")
        }
        Message::Ambiguous { path } => format!(
            "polku {path} sisältää pistesegmenttejä, kenoviivoja tai koodauksen, jonka voi ymmärtää kahdella tavalla"
        ),
        Message::NoCall { path } => format!("{path} ei ole metodi ja polku, joten ei tiedetä, mitä sillä kutsutaan"),
        Message::Referenced { reference } => format!("verrattava arvo on osoitteessa {reference} eikä se ole tiedossa"),
        Message::Sequence => "ei ole tiedossa, missä järjestyksessä ehdot täyttyivät".to_owned(),
        Message::StepMissing { step, of, operand, operator, required } => {
            format!("vaihetta {step}/{of} ei ole vielä suoritettu: {operand} {operator} {required}")
        }
        Message::StepTaken { step, of, at } => format!("vaihe {step}/{of} suoritettiin {at}"),
        Message::TakeStep { step, of } => {
            format!("suorittakaa ensin jakson vaihe {step}/{of} omalla kutsullaan ja kutsukaa sitten uudelleen")
        }
        Message::AwaitStep { step, of } => {
            format!("odottakaa, kunnes jakson vaiheen {step}/{of} aika on tullut, ja kutsukaa sitten uudelleen")
        }
        Message::Prohibited { comparison } => format!("kielto on voimassa: {comparison}"),
        Message::MayBeProhibited { comparison } => format!("kielto voi olla voimassa: {comparison}"),
        Message::PermittedAction { action } => format!("toiminto {action} on sallittu"),
        Message::ProhibitedAction { action } => format!("toiminto {action} on kielletty"),
        Message::Unfulfilled { action } => format!("velvollisuutta {action} ei ole täytetty"),
        Message::Late { action } => format!("velvollisuus {action} jäi täyttämättä määräajassa"),
        Message::Violated { action } => format!("velvollisuutta {action} ei täytetty ajoissa"),
        Message::Early { action, from } => {
            format!("velvollisuus {action} täytettiin ennen ajankohtaa {from}, eikä sitä oteta huomioon")
        }
        Message::Due { action, until: None } => format!("velvollisuus {action} on täytettävä"),
        Message::Due { action, until: Some(until) } => {
            format!("velvollisuus {action} on täytettävä viimeistään {until}")
        }
        Message::NotYet { action, from, until: None } => {
            format!("velvollisuus {action} on täytettävä, mutta ei ennen ajankohtaa {from}")
        }
        Message::NotYet { action, from, until: Some(until) } => {
            format!("velvollisuus {action} on täytettävä aikavälillä {from} – {until}")
        }
        Message::Keep { action, until } => format!("velvollisuus {action} kestää ajankohtaan {until} asti"),
        Message::NotKept { action } => {
            format!("velvollisuutta {action} ilmoitettiin rikotun ennen sen ajan päättymistä")
        }
        Message::Fulfilled { action } => format!("velvollisuus {action} on täytetty"),
        Message::Lifted { action } => format!("velvollisuutta {action} ei enää tarvitse täyttää"),
        Message::Infringed { action, at } => {
            format!("kieltoa {action} rikottiin {at}, eikä rikkomusta ole hyvitetty")
        }
        Message::MayBeViolated { action } => {
            format!("velvollisuus {action} on ehkä jäänyt täyttämättä ajoissa: ei ole tiedossa, oliko se voimassa")
        }
        Message::Calling { action, comparison } => {
            format!("ei ole tiedossa, oliko velvollisuus {action} voimassa: {comparison}")
        }
        Message::Offer => "tarjous ei salli siirtoa eikä tiedonvaihtoa; siihen tarvitaan sopimus".to_owned(),
        Message::Parent { id } => format!("käytäntö perustuu käytäntöön {id}, jonka sääntöjä ei tunneta"),
        Message::NoPermission => "käytännössä ei ole yhtään lupaa, ja mikä ei ole sallittua, se evätään".to_owned(),
        Message::Withheld { clause, operand, state } => match (clause.starts_with("/prohibition"), state) {
            (true, Truth::False) => format!("sopimuksen kielto {clause} ({operand}) ei ole voimassa"),
            (true, _) => format!("sopimuksen kielto {clause} ({operand}) on voimassa tai voi olla voimassa"),
            (false, Truth::True) => format!("sopimuksen ehto {clause} ({operand}) täyttyy"),
            (false, _) => format!("sopimuksen ehto {clause} ({operand}) ei täyty"),
        },
        Message::Remedy(what) => remedy(what).to_owned(),
        Message::Fulfil { action } => {
            format!("täyttäkää velvollisuus {action}, ilmoittakaa siitä ja tehkää kutsu uudelleen")
        }
        Message::Heal { then: "", .. } => "sitä ei voi enää korjata; neuvotelkaa uusi sopimus".to_owned(),
        Message::Heal { action, then } => format!(
            "täyttäkää velvollisuus {action} ja viivästyksen seuraus {then}, ilmoittakaa molemmista ja tehkää kutsu uudelleen"
        ),
        Message::Amend { then: "" } => "rikkomusta ei voi hyvittää; neuvotelkaa uusi sopimus".to_owned(),
        Message::Amend { then } => {
            format!("hyvittäkää rikkomus: täyttäkää velvollisuus {then}, ilmoittakaa siitä ja tehkää kutsu uudelleen")
        }
        Message::Negotiate => "neuvotelkaa ensin sopimus tästä tarjouksesta".to_owned(),
        Message::Permitted => "sallittu".to_owned(),
        Message::Refused => "evätty".to_owned(),
        Message::Because => "koska".to_owned(),
    }
}

const fn remedy(what: Remedy) -> &'static str {
    match what {
        Remedy::NewAgreement => "sovittu kutsujen määrä on käytetty; neuvotelkaa uusi sopimus",
        Remedy::TimeUsedUp => "sovittu käyttöaika on käytetty; neuvotelkaa uusi sopimus",
        Remedy::Slower => "kutsukaa harvemmin",
        Remedy::OtherTime => "kutsukaa sovittuna aikana tai neuvotelkaa uusi sopimus",
        Remedy::OtherPath => "kutsukaa vain sopimuksen kattamia menetelmiä ja polkuja",
        Remedy::Consent => "esittäkää rekisteröidyn voimassa oleva suostumus, joka koskee tätä kutsua",
        Remedy::Purpose => "ilmoittakaa käyttötarkoitus, jonka sopimus kattaa",
        Remedy::OtherAgreement => "käyttäkää sopimusta, joka kattaa tämän",
        Remedy::Meet => "täyttäkää ehto tai neuvotelkaa sopimus ilman sitä",
    }
}
