//! The permit path of a decision allocates nothing. A program of its own: it counts every allocation.

use sliproad::model::time::Timestamp;
use sliproad::policy::{Commons, Sheet, Trace};

#[path = "../benches/policy/agreement.rs"]
mod agreement;

use agreement::{FIVE, NOW, TWENTY};

#[test]
fn slotting_and_deciding_a_permitted_call_allocates_nothing() {
    for agreement in [FIVE, TWENTY] {
        let policy = agreement.compiled().unwrap();
        let places: Vec<_> = agreement.told().map(|(operand, value)| (policy.place(operand), value)).collect();
        let background = policy.background(&agreement.world());
        let (mut sheet, mut trace) = (Sheet::over(&background, Timestamp::from_millis(NOW)), Trace::default());
        let mut once = || {
            sheet.begin(&background, Timestamp::from_millis(NOW));
            let mut filling = policy.fill(&mut sheet);
            for (place, value) in &places {
                filling.text(*place, value);
            }
            policy.judge(&sheet, &mut trace).permit
        };
        assert!(once(), "the bench's calls are permitted; the first one grows what the others use");
        let mut permitted = true;
        let counted = allocation_counter::measure(|| permitted = (0..1000).all(|_| once()));
        assert!(permitted);
        assert_eq!(counted.count_total, 0, "{counted:?}");
    }
}

#[test]
fn one_desk_serves_agreements_in_turn_without_allocating() {
    let mut commons = Commons::default();
    let agreements: Vec<_> = (0..10)
        .map(|number| {
            let (mut policy, world) = TWENTY.compiled_for(number, 2).unwrap();
            commons.share(&mut policy);
            let background = policy.background(&world);
            (policy, background)
        })
        .collect();
    let places: Vec<_> = TWENTY.told().map(|(operand, value)| (agreements[0].0.place(operand), value)).collect();
    let (mut sheet, mut trace) = (Sheet::over(&agreements[0].1, Timestamp::from_millis(NOW)), Trace::default());
    let mut round = || {
        agreements.iter().all(|(policy, background)| {
            sheet.begin(background, Timestamp::from_millis(NOW));
            let mut filling = policy.fill(&mut sheet);
            for (place, value) in &places {
                filling.text(*place, value);
            }
            policy.judge(&sheet, &mut trace).permit
        })
    };
    assert!(round());
    let counted = allocation_counter::measure(|| assert!(round()));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}
