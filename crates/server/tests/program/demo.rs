//! `waypost demo`: the whole story, which is true only if its exit code is 0.

use crate::fixture::{Place, SETTINGS};

#[test]
fn every_recipient_ends_where_it_should() {
    let run = Place::with(SETTINGS).waypost(&["demo"]).exits(0);
    for recipient in ["anna@harbour.example", "ben@example.net", "cleo@partner.example", "dora@store.example"]
    {
        assert!(run.out.contains(&format!("✓  {recipient}")), "{}", run.out);
    }
    assert!(run.out.contains("retry_num > 1"), "{}", run.out);
    assert!(!run.out.contains('\u{1b}'), "no colours where nobody sees them");
}
