//! Icelandic.

use super::{Message, Remedy};
use crate::policy::truth::Truth;

pub(super) fn say(message: Message<'_>) -> String {
    match message {
        Message::Compared { operand, operator, required, observed, state } => match (state, observed) {
            (Truth::Unknown, None) => {
                format!("{operand} er ekki þekkt, svo ekki er hægt að sýna fram á að það sé {operator} {required}")
            }
            (Truth::Unknown, Some(seen)) => {
                format!("{operand} er {seen}, sem ekki er hægt að bera saman við {required} með {operator}")
            }
            (Truth::True, Some(seen)) => format!("{operand} er {seen}, sem er {operator} {required}"),
            (Truth::False, Some(seen)) => format!("{operand} er {seen}, sem er ekki {operator} {required}"),
            (_, None) => format!("{operand} uppfyllir ekki skilyrðið {operator} {required}"),
        },
        Message::Several { operand, operator, required, seen } => {
            format!(
                "{operand} er {seen}; þegar gildin eru fleiri en eitt verður ekki sagt hvort það sé {operator} {required}"
            )
        }
        Message::NoTaxonomy { operand, operator, required, seen } => {
            format!("{operand} er {seen}; ekkert flokkunarkerfi segir hvort það sé {operator} {required}")
        }
        Message::NotAll { operand, operator, required, seen } => {
            format!(
                "{operand} er {seen} og ef til vill fleira, svo ekki verður sagt hvort það sé {operator} {required}"
            )
        }
        Message::Membership { member, collection } => {
            format!("ekki er vitað hvort {member} tilheyrir safninu {collection}")
        }
        Message::NoValue { operand, operator, required, state } => match state {
            Truth::True => format!("{operand} hefur ekkert gildi, sem er {operator} {required}"),
            Truth::False => format!("{operand} hefur ekkert gildi, sem er ekki {operator} {required}"),
            Truth::Unknown => {
                format!("{operand} hefur ekkert gildi, svo ekki er hægt að sýna fram á að það sé {operator} {required}")
            }
        },
        Message::Unreadable { operand, required } => {
            format!("{required} er ekki gildi sem {operand} getur haft, svo ekkert verður borið saman við það")
        }
        Message::Elsewhere { id } => format!("{id} er hvergi lýst í stefnunni, svo innihaldið er ekki þekkt"),
        Message::Ambiguous { path } => {
            format!("slóðin {path} inniheldur punktahluta, bakstrik eða kóðun sem má skilja á tvo vegu")
        }
        Message::NoCall { path } => format!("{path} er ekki aðferð með slóð, svo ekki er vitað á hvað er kallað"),
        Message::Referenced { reference } => format!("samanburðargildið er að finna á {reference} og er ekki þekkt"),
        Message::Sequence => "ekki er vitað í hvaða röð skilyrðin voru uppfyllt".to_owned(),
        Message::StepMissing { step, of, operand, operator, required } => {
            format!("skref {step} af {of} hefur ekki enn verið tekið: {operand} {operator} {required}")
        }
        Message::StepTaken { step, of, at } => format!("skref {step} af {of} var tekið {at}"),
        Message::TakeStep { step, of } => {
            format!("takið fyrst skref {step} af {of} í röðinni með sérstakri beiðni og sendið svo beiðnina aftur")
        }
        Message::AwaitStep { step, of } => {
            format!("bíðið þar til komið er að skrefi {step} af {of} í röðinni og sendið svo beiðnina aftur")
        }
        Message::Prohibited { comparison } => format!("bann á við: {comparison}"),
        Message::MayBeProhibited { comparison } => format!("bann kann að eiga við: {comparison}"),
        Message::PermittedAction { action } => format!("aðgerðin {action} er heimiluð"),
        Message::ProhibitedAction { action } => format!("aðgerðin {action} er bönnuð"),
        Message::Unfulfilled { action } => format!("skyldan {action} hefur ekki verið uppfyllt"),
        Message::Late { action } => format!("skyldan {action} var ekki uppfyllt innan tímamarka"),
        Message::Violated { action } => format!("skyldan {action} var ekki uppfyllt á réttum tíma"),
        Message::Early { action, from } => {
            format!("skyldan {action} var uppfyllt fyrir {from} og það telst ekki með")
        }
        Message::Due { action, until: None } => format!("skylduna {action} ber að uppfylla"),
        Message::Due { action, until: Some(until) } => {
            format!("skylduna {action} ber að uppfylla í síðasta lagi {until}")
        }
        Message::NotYet { action, from, until: None } => {
            format!("skylduna {action} ber að uppfylla, en ekki fyrir {from}")
        }
        Message::NotYet { action, from, until: Some(until) } => {
            format!("skylduna {action} ber að uppfylla á tímabilinu {from} til {until}")
        }
        Message::Keep { action, until } => format!("skyldan {action} gildir til {until}"),
        Message::NotKept { action } => {
            format!("tilkynnt var að skyldan {action} hefði verið brotin áður en tími hennar var liðinn")
        }
        Message::Fulfilled { action } => format!("skyldan {action} hefur verið uppfyllt"),
        Message::Lifted { action } => format!("skyldan {action} á ekki lengur við"),
        Message::Infringed { action, at } => {
            format!("bannið við {action} var brotið {at} og ekki hefur verið bætt úr því")
        }
        Message::MayBeViolated { action } => {
            format!("hugsanlega var skyldan {action} ekki uppfyllt á réttum tíma: ekki er vitað hvort hún átti við")
        }
        Message::Calling { action, comparison } => {
            format!("ekki er vitað hvort skyldan {action} átti við: {comparison}")
        }
        Message::Offer => "tilboð heimilar hvorki flutning né gagnaskipti; til þess þarf samning".to_owned(),
        Message::Parent { id } => format!("stefnan erfir reglur frá {id} og þær eru ekki þekktar"),
        Message::NoPermission => "stefnan veitir enga heimild og því sem ekki er heimilað er hafnað".to_owned(),
        Message::Withheld { clause, operand, state } => match (clause.starts_with("/prohibition"), state) {
            (true, Truth::False) => format!("bann samningsins {clause} ({operand}) á ekki við"),
            (true, _) => format!("bann samningsins {clause} ({operand}) á við eða kann að eiga við"),
            (false, Truth::True) => format!("ákvæði samningsins {clause} ({operand}) er uppfyllt"),
            (false, _) => format!("ákvæði samningsins {clause} ({operand}) er ekki uppfyllt"),
        },
        Message::Remedy(what) => remedy(what).to_owned(),
        Message::Fulfil { action } => format!("uppfyllið skylduna {action}, tilkynnið það og sendið beiðnina aftur"),
        Message::Heal { then: "", .. } => "úr þessu verður ekki bætt; gerið nýjan samning".to_owned(),
        Message::Heal { action, then } => format!(
            "uppfyllið skylduna {action} og það sem leiðir af töfinni, {then}, tilkynnið hvort tveggja og sendið beiðnina aftur"
        ),
        Message::Amend { then: "" } => "úr brotinu verður ekki bætt; gerið nýjan samning".to_owned(),
        Message::Amend { then } => {
            format!("bætið úr brotinu: uppfyllið skylduna {then}, tilkynnið það og sendið beiðnina aftur")
        }
        Message::Negotiate => "gerið fyrst samning á grundvelli þessa tilboðs".to_owned(),
        Message::Permitted => "heimilað".to_owned(),
        Message::Refused => "hafnað".to_owned(),
        Message::Because => "þar sem".to_owned(),
    }
}

const fn remedy(what: Remedy) -> &'static str {
    match what {
        Remedy::NewAgreement => "umsaminn fjöldi beiðna er uppurinn; gerið nýjan samning",
        Remedy::TimeUsedUp => "umsaminn notkunartími er uppurinn; gerið nýjan samning",
        Remedy::Slower => "sendið beiðnir sjaldnar",
        Remedy::OtherTime => "sendið beiðnina á umsömdum tíma eða gerið nýjan samning",
        Remedy::OtherPath => "notið aðeins þær aðferðir og slóðir sem samningurinn nær til",
        Remedy::Consent => "framvísið gildu samþykki hins skráða sem á við þessa beiðni",
        Remedy::Purpose => "tilgreinið tilgang sem samningurinn nær til",
        Remedy::OtherAgreement => "notið samning sem nær til þessa",
        Remedy::Meet => "uppfyllið ákvæðið eða gerið samning án þess",
    }
}
