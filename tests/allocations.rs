//! The permit path of a decision allocates nothing. A program of its own: it counts every allocation.

use sliproad::model::time::Timestamp;
use sliproad::policy::Trace;

#[path = "../benches/policy/agreement.rs"]
mod agreement;

use agreement::{FIVE, NOW, TWENTY};

#[test]
fn slotting_and_deciding_a_permitted_call_allocates_nothing() {
    for agreement in [FIVE, TWENTY] {
        let policy = agreement.compiled().unwrap();
        let places: Vec<_> = agreement.told().map(|(operand, value)| (policy.place(operand), value)).collect();
        let (mut sheet, mut trace) = (policy.sheet(&agreement.world()), Trace::default());
        let mut once = || {
            sheet.now = Timestamp::from_millis(NOW);
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
