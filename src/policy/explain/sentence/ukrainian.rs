//! Ukrainian.

use super::{Message, Remedy};
use crate::policy::truth::Truth;

pub(super) fn say(message: Message<'_>) -> String {
    match message {
        Message::Compared { operand, operator, required, observed, state } => match (state, observed) {
            (Truth::Unknown, None) => {
                format!("значення {operand} невідоме, тому не можна підтвердити, що воно {operator} {required}")
            }
            (Truth::Unknown, Some(seen)) => {
                format!("{operand} має значення {seen}, яке не можна порівняти оператором {operator} з {required}")
            }
            (Truth::True, Some(seen)) => format!("{operand} має значення {seen}, що відповідає {operator} {required}"),
            (Truth::False, Some(seen)) => {
                format!("{operand} має значення {seen}, що не відповідає {operator} {required}")
            }
            (_, None) => format!("{operand} не відповідає умові {operator} {required}"),
        },
        Message::Several { operand, operator, required, seen } => {
            format!(
                "{operand} має значення {seen}; коли значень кілька, не можна сказати, чи воно {operator} {required}"
            )
        }
        Message::NoTaxonomy { operand, operator, required, seen } => {
            format!("{operand} має значення {seen}; жодна таксономія не каже, чи воно {operator} {required}")
        }
        Message::NotAll { operand, operator, required, seen } => {
            format!(
                "{operand} має значення {seen} і, можливо, інші, тому не можна сказати, чи воно {operator} {required}"
            )
        }
        Message::Membership { member, collection } => {
            format!("невідомо, чи належить {member} до сукупності {collection}")
        }
        Message::NoValue { operand, operator, required, state } => match state {
            Truth::True => format!("значення {operand} відсутнє, що відповідає {operator} {required}"),
            Truth::False => format!("значення {operand} відсутнє, що не відповідає {operator} {required}"),
            Truth::Unknown => {
                format!("значення {operand} відсутнє, тому не можна підтвердити, що воно {operator} {required}")
            }
        },
        Message::Unreadable { operand, required } => {
            format!("{operand} не може мати значення {required}, тому порівнювати з ним нічого не можна")
        }
        Message::Elsewhere { id } => format!("{id} ніде в політиці не описано, тому його зміст невідомий"),
        Message::Ambiguous { path } => {
            format!(
                "шлях {path} містить крапкові сегменти, зворотні скісні риски або кодування, яке можна зрозуміти двояко"
            )
        }
        Message::NoCall { path } => format!("{path} не є методом зі шляхом, тому невідомо, що викликається"),
        Message::Referenced { reference } => {
            format!("значення для порівняння міститься за адресою {reference} і невідоме")
        }
        Message::Sequence => "невідомо, у якому порядку ці умови було виконано".to_owned(),
        Message::StepMissing { step, of, operand, operator, required } => {
            format!("крок {step} із {of} ще не виконано: {operand} {operator} {required}")
        }
        Message::StepTaken { step, of, at } => format!("крок {step} із {of} виконано {at}"),
        Message::TakeStep { step, of } => {
            format!("спершу виконайте крок {step} із {of} послідовності окремим запитом, потім повторіть запит")
        }
        Message::AwaitStep { step, of } => {
            format!("зачекайте, доки настане час кроку {step} із {of} послідовності, потім повторіть запит")
        }
        Message::Prohibited { comparison } => format!("діє заборона: {comparison}"),
        Message::MayBeProhibited { comparison } => format!("може діяти заборона: {comparison}"),
        Message::PermittedAction { action } => format!("дію {action} дозволено"),
        Message::ProhibitedAction { action } => format!("дію {action} заборонено"),
        Message::Unfulfilled { action } => format!("обов’язок {action} не виконано"),
        Message::Late { action } => format!("обов’язок {action} залишився невиконаним у встановлений час"),
        Message::Violated { action } => format!("обов’язок {action} не було виконано вчасно"),
        Message::Early { action, from } => {
            format!("обов’язок {action} виконано раніше за {from}, і це не зараховується")
        }
        Message::Due { action, until: None } => format!("обов’язок {action} належить виконати"),
        Message::Due { action, until: Some(until) } => {
            format!("обов’язок {action} належить виконати не пізніше ніж {until}")
        }
        Message::NotYet { action, from, until: None } => {
            format!("обов’язок {action} належить виконати, але не раніше ніж {from}")
        }
        Message::NotYet { action, from, until: Some(until) } => {
            format!("обов’язок {action} належить виконати в період від {from} до {until}")
        }
        Message::Keep { action, until } => format!("обов’язок {action} триває до {until}"),
        Message::NotKept { action } => {
            format!("повідомлено, що обов’язок {action} порушено до завершення його строку")
        }
        Message::Fulfilled { action } => format!("обов’язок {action} виконано"),
        Message::Lifted { action } => format!("обов’язок {action} більше не потрібно виконувати"),
        Message::Infringed { action, at } => {
            format!("заборону {action} порушено {at}, і порушення не усунено")
        }
        Message::MayBeViolated { action } => {
            format!("обов’язок {action}, можливо, не було виконано вчасно: невідомо, чи він діяв")
        }
        Message::Calling { action, comparison } => {
            format!("невідомо, чи діяв обов’язок {action}: {comparison}")
        }
        Message::Offer => {
            "пропозиція не дозволяє ні передавання, ні обміну даними; для цього потрібна угода".to_owned()
        }
        Message::Parent { id } => format!("політика успадковує правила від {id}, а вони невідомі"),
        Message::NoPermission => "у політиці немає жодного дозволу, а все, що не дозволено, відхиляється".to_owned(),
        Message::Withheld { clause, operand, state } => match (clause.starts_with("/prohibition"), state) {
            (true, Truth::False) => format!("заборона угоди {clause} ({operand}) не діє"),
            (true, _) => format!("заборона угоди {clause} ({operand}) діє або може діяти"),
            (false, Truth::True) => format!("умову угоди {clause} ({operand}) виконано"),
            (false, _) => format!("умову угоди {clause} ({operand}) не виконано"),
        },
        Message::Remedy(what) => remedy(what).to_owned(),
        Message::Fulfil { action } => format!("виконайте обов’язок {action}, повідомте про це й повторіть запит"),
        Message::Heal { then: "", .. } => "це вже не можна виправити; укладіть нову угоду".to_owned(),
        Message::Heal { action, then } => format!(
            "виконайте обов’язок {action} і те, що випливає з прострочення: {then}; повідомте про обидва й повторіть запит"
        ),
        Message::Amend { then: "" } => "порушення не можна усунути; укладіть нову угоду".to_owned(),
        Message::Amend { then } => {
            format!("усуньте порушення: виконайте обов’язок {then}, повідомте про це й повторіть запит")
        }
        Message::Negotiate => "спершу укладіть угоду за цією пропозицією".to_owned(),
        Message::Permitted => "дозволено".to_owned(),
        Message::Refused => "відмовлено".to_owned(),
        Message::Because => "оскільки".to_owned(),
    }
}

const fn remedy(what: Remedy) -> &'static str {
    match what {
        Remedy::NewAgreement => "узгоджену кількість запитів вичерпано; укладіть нову угоду",
        Remedy::TimeUsedUp => "узгоджений час використання вичерпано; укладіть нову угоду",
        Remedy::Slower => "надсилайте запити рідше",
        Remedy::OtherTime => "надсилайте запит в узгоджений час або укладіть нову угоду",
        Remedy::OtherPath => "використовуйте лише методи та шляхи, передбачені угодою",
        Remedy::Consent => "надайте чинну згоду суб’єкта даних, що стосується цього запиту",
        Remedy::Purpose => "зазначте мету, передбачену угодою",
        Remedy::OtherAgreement => "скористайтеся угодою, яка це передбачає",
        Remedy::Meet => "виконайте умову або укладіть угоду без неї",
    }
}
