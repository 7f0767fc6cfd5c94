//! What else goes with an account that the settings no longer have?

use std::collections::BTreeSet;

use directory::app_passwords;
use mail::Timestamp;
use policy::registry::Registry;
use policy::settings::ObjectType;
use store::{KeyChange, KeyValues, StoreError};

/// Takes back the app passwords of accounts that are in `before` and not in `after`: whoever gets such a name later is
/// somebody else.
pub(super) async fn closed(
    values: &dyn KeyValues,
    before: &Registry,
    after: &Registry,
    now: Timestamp,
) -> Result<Vec<KeyChange>, StoreError> {
    let kept = names(after);
    let mut gone = names(before);
    gone.retain(|name| !kept.contains(name));
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let is_there = |account: &mail::Address| !gone.contains(&account.to_string().to_lowercase());
    app_passwords::forgotten(values, is_there, now).await
}

fn names(registry: &Registry) -> BTreeSet<String> {
    let ids = registry.ids(ObjectType::Account).into_iter();
    let documents = ids.filter_map(|id| registry.document(ObjectType::Account, id));
    documents.filter_map(|document| document.get("name")?.as_str().map(str::to_lowercase)).collect()
}
